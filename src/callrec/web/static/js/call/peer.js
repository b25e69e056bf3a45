/** One RTCPeerConnection to one session: description exchange, candidates, tracks, the `status` data channel. */

const MAX_RESTARTS = 5;

/**
 * `local` is our LocalMedia, `send(type, payload)` sends offer, answer and candidate, `on` has the callbacks
 * changed() (media or connection state), connected() (ready for state messages), status(message) and failed().
 */
export class Peer {
  #pc;
  #local;
  #send;
  #on;
  #channel = null;
  #early = [];
  #turn = Promise.resolve();
  #restarts = 0;
  stream = new MediaStream();

  constructor({ sid, initiator, iceServers, local, send, on }) {
    this.sid = sid;
    this.initiator = initiator;
    this.#local = local;
    this.#send = send;
    this.#on = on;
    this.#pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#listen();
  }

  get connected() {
    return this.#pc.connectionState === "connected";
  }

  /** Call the other side. `withStatus`: open the data channel (not towards internal clients). */
  offer({ withStatus }) {
    for (const kind of ["audio", "video"]) {
      const { direction, stream } = this.#local;
      this.#pc.addTransceiver(this.#local.track(kind) ?? kind, { direction, streams: [stream] });
    }
    if (withStatus) this.#useChannel(this.#pc.createDataChannel("status"));
    return this.#inTurn(() => this.#describe("offer", {}));
  }

  acceptOffer(sdp) {
    return this.#inTurn(async () => {
      await this.#pc.setRemoteDescription({ type: "offer", sdp });
      for (const transceiver of this.#pc.getTransceivers()) {
        transceiver.direction = this.#local.direction;
        transceiver.sender.setStreams(this.#local.stream);
        await transceiver.sender.replaceTrack(this.#local.track(transceiver.receiver.track.kind));
      }
      await this.#describe("answer");
      await this.#addEarly();
    });
  }

  acceptAnswer(sdp) {
    return this.#inTurn(async () => {
      if (this.#pc.signalingState !== "have-local-offer") return;
      await this.#pc.setRemoteDescription({ type: "answer", sdp });
      await this.#addEarly();
    });
  }

  addCandidate(candidate) {
    return this.#inTurn(async () => {
      if (this.#pc.remoteDescription) await this.#pc.addIceCandidate(candidate);
      else this.#early.push(candidate);
    });
  }

  /** Send `track` (or nothing: null) in place of what was sent. */
  replaceTrack(kind, track) {
    return this.#inTurn(async () => {
      for (const transceiver of this.#pc.getTransceivers()) {
        if (transceiver.receiver.track.kind === kind) await transceiver.sender.replaceTrack(track);
      }
    });
  }

  sendStatus(message) {
    if (this.#channel?.readyState === "open") this.#channel.send(JSON.stringify(message));
  }

  close() {
    this.#on = null;
    this.#channel?.close();
    this.#pc.close();
  }

  /** Steps of one negotiation never interleave; what arrives after `close()` is dropped. */
  #inTurn(step) {
    this.#turn = this.#turn.then(async () => {
      if (!this.#on) return;
      try {
        await step();
      } catch (error) {
        if (!this.#on) return; // closed while the step ran
        console.warn("peer connection:", error.name, error.message);
      }
    });
    return this.#turn;
  }

  async #describe(type, options) {
    const description = type === "offer" ? await this.#pc.createOffer(options) : await this.#pc.createAnswer();
    await this.#pc.setLocalDescription(description);
    this.#send(type, { type, sdp: this.#pc.localDescription.sdp });
  }

  async #addEarly() {
    for (const candidate of this.#early.splice(0)) await this.#pc.addIceCandidate(candidate);
  }

  #listen() {
    const pc = this.#pc;
    pc.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate?.candidate) this.#send("candidate", { candidate: candidate.toJSON() });
    });
    pc.addEventListener("track", ({ track }) => {
      for (const old of this.stream.getTracks()) if (old.kind === track.kind) this.stream.removeTrack(old);
      this.stream.addTrack(track);
      this.#on?.changed();
    });
    pc.addEventListener("datachannel", ({ channel }) => channel.label === "status" && this.#useChannel(channel));
    pc.addEventListener("connectionstatechange", () => this.#stateChanged());
  }

  #stateChanged() {
    if (!this.#on) return;
    this.#on.changed();
    if (this.#pc.connectionState === "connected") {
      this.#restarts = 0;
      this.#on.connected();
    } else if (this.#pc.connectionState === "failed") {
      if (this.initiator && this.#restarts < MAX_RESTARTS) {
        this.#restarts += 1;
        this.#inTurn(() => this.#describe("offer", { iceRestart: true }));
      } else if (this.initiator) {
        this.#on.failed();
      }
    }
  }

  #useChannel(channel) {
    this.#channel = channel;
    channel.addEventListener("open", () => this.#on?.connected());
    channel.addEventListener("message", ({ data }) => {
      try {
        this.#on?.status(JSON.parse(data));
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        console.warn("status channel: not JSON");
      }
    });
  }
}
