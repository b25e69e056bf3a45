// What a page of Talk does with its connections, as `window.sending`. Camera, microphone and screen are a
// canvas and a tone.
window.sending = (() => {
  const peers = new Map();
  const size = { video: [320, 240], screen: [640, 360] };
  const canvases = {};

  function picture(roomType) {
    const canvas = (canvases[roomType] ??= Object.assign(document.createElement("canvas")));
    [canvas.width, canvas.height] = size[roomType];
    const paint = canvas.getContext("2d");
    let count = 0;
    const drawing = setInterval(() => {
      paint.fillStyle = roomType === "screen" ? "navy" : "darkred";
      paint.fillRect(0, 0, canvas.width, canvas.height);
      paint.fillStyle = "white";
      paint.fillRect((count++ * 4) % (canvas.width - 20), 4, 20, 20);
    }, 40);
    const track = canvas.captureStream(25).getVideoTracks()[0];
    return { track, stop: () => { clearInterval(drawing); track.stop(); } };
  }

  function sound() {
    const context = new AudioContext();
    const tone = context.createOscillator();
    const output = context.createMediaStreamDestination();
    tone.connect(output);
    tone.start();
    return { track: output.stream.getAudioTracks()[0], stop: () => context.close() };
  }

  const of = (id, kind) => {
    const peer = peers.get(id);
    return { peer, transceiver: peer.transceivers[kind], media: peer.media[kind] };
  };

  function add(id, kind, roomType = "video") {
    const peer = peers.get(id);
    peer.media[kind]?.stop();
    peer.media[kind] = kind === "audio" ? sound() : picture(roomType);
    peer.transceivers[kind] = peer.pc.addTransceiver(peer.media[kind].track, { direction: "sendonly" });
  }

  return {
    add,
    open(id, kinds, roomType) {
      peers.set(id, { pc: new RTCPeerConnection({ bundlePolicy: "max-bundle" }), media: {}, transceivers: {} });
      for (const kind of kinds) add(id, kind, roomType);
    },
    async offer(id, options) {
      const { pc } = peers.get(id);
      await pc.setLocalDescription(await pc.createOffer(options));
      while (pc.iceGatheringState !== "complete")
        await new Promise((resolve) => pc.addEventListener("icegatheringstatechange", resolve, { once: true }));
      return pc.localDescription.sdp;
    },
    accept: (id, sdp) => peers.get(id).pc.setRemoteDescription({ type: "answer", sdp }),
    mute: (id, kind) => of(id, kind).transceiver.sender.replaceTrack(null),
    unmute: (id, kind) => of(id, kind).transceiver.sender.replaceTrack(of(id, kind).media.track),
    direct: (id, kind, direction) => { of(id, kind).transceiver.direction = direction; },
    stop: (id, kind) => of(id, kind).transceiver.stop(),
    prefer(id, codecs) {
      const known = RTCRtpSender.getCapabilities("video").codecs;
      const wanted = codecs.flatMap((codec) => known.filter((c) => c.mimeType === `video/${codec}`));
      of(id, "video").transceiver.setCodecPreferences(
        [...wanted, ...known.filter((c) => c.mimeType === "video/rtx")]);
    },
    resize(width, height) {
      [canvases.video.width, canvases.video.height] = size.video = [width, height];
    },
    close(id) {
      const { pc, media } = peers.get(id);
      peers.delete(id);
      pc.close();
      for (const each of Object.values(media)) each.stop();
    },
  };
})();
