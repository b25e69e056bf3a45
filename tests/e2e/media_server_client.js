// A Talk client before a media server, as far as publishing goes: it joins room and call, offers camera and
// microphone to itself, and counts what its browser has sent.
(() => {
  const LOOK_MS = 50;
  let peer, tracks;

  window.publish = async ({ user, password, token }) => {
    const headers = {
      Authorization: `Basic ${btoa(`${user}:${password}`)}`,
      "OCS-APIRequest": "true",
      Accept: "application/json",
      "Content-Type": "application/json",
    };
    const ocs = async (method, path, content) => {
      const address = `/ocs/v2.php/apps/spreed/api/${path}`;
      const answer = await fetch(address, { method, headers, body: content && JSON.stringify(content) });
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
      return (await answer.json()).ocs.data;
    };
    const room = await ocs("POST", `v4/room/${token}/participants/active`);
    const settings = await ocs("GET", `v3/signaling/settings?token=${token}`);

    const socket = new WebSocket(`${settings.server.replace(/^http/, "ws")}/spreed`);
    const waiting = {};
    const next = (type) => new Promise((resolve) => { waiting[type] = resolve; });
    const say = (type, content) => socket.send(JSON.stringify({ id: type, type, [type]: content }));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "error") console.error(data);
      if (message.type === "message") hear(message.message.data);
      waiting[message.type]?.(message[message.type]);
    };

    const { features } = await next("welcome");
    if (!features.includes("mcu")) throw new Error("no media server");
    const auth = {
      url: `${location.origin}/ocs/v2.php/apps/spreed/api/v3/signaling/backend`,
      params: settings.helloAuthParams["2.0"],
    };
    say("hello", { version: "2.0", auth });
    const { sessionid } = await next("hello");
    say("room", { roomid: token, sessionid: room.sessionId });
    await next("room");
    await ocs("POST", `v4/call/${token}`, { flags: 7 });

    const sid = String(Date.now());
    const send = (type, payload) => {
      const data = { type, to: sessionid, sid, roomType: "video", payload };
      say("message", { recipient: { type: "session", sessionid }, data });
    };
    const early = [];
    async function hear({ type, sid: about, payload }) {
      if (about !== sid) return;
      if (type === "answer") {
        await peer.setRemoteDescription(payload);
        for (const candidate of early) await peer.addIceCandidate(candidate);
      } else if (type === "candidate") {
        if (peer.remoteDescription) await peer.addIceCandidate(payload.candidate);
        else early.push(payload.candidate);
      }
    }

    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    tracks = stream.getTracks();
    peer = new RTCPeerConnection();
    peer.createDataChannel("status");
    for (const track of tracks) peer.addTransceiver(track, { direction: "sendonly", streams: [stream] });
    peer.onicecandidate = ({ candidate }) => candidate && send("candidate", { candidate: candidate.toJSON() });
    await peer.setLocalDescription();
    send("offer", { type: "offer", sdp: peer.localDescription.sdp, nick: user });
    await sentVideo(1);
  };

  window.sentVideo = async (packets) => {
    while (!((await sent()).video >= packets)) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  };

  // As Talk mutes: nothing is sent any more, and later the same streams go on.
  window.mute = () => Promise.all(peer.getSenders().map((sender) => sender.replaceTrack(null)));
  window.unmute = () => Promise.all(peer.getSenders().map((sender, i) => sender.replaceTrack(tracks[i])));

  window.sent = async () => {
    const counts = {};
    for (const report of (await peer.getStats()).values()) {
      if (report.type === "outbound-rtp") counts[report.kind] = report.packetsSent;
    }
    return counts;
  };
})();
