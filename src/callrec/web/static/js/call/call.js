/** Being in a call: our media, the mesh, what others say about themselves, and the tiles to show. */

import { batch, signal } from "../../vendor/signals.js";
import { channelMessages, signalingMessages } from "../logic/states.js";
import { joinSentence, mediaSentence, sentence } from "../logic/sentences.js";
import { IN_CALL, others, WITH_AUDIO, WITH_VIDEO } from "../logic/roster.js";
import { joinCall, leaveCall, setCallFlags } from "../net/talk.js";
import { LocalMedia } from "./media.js";
import { iceServersOf, Mesh } from "./mesh.js";
import { Others } from "./others.js";

/**
 * `sendTo(id, data)` reaches a session by signaling; `myName()` is our display name; `refused()` is told that the
 * server did not let us in, so that what we know of the room may be old.
 */
export class Call {
  /** "out", "joining" or "in". */
  state = signal("out");
  /** {id, name, own, stream, audio, video, connected}, the own tile last. */
  tiles = signal([]);
  /** The person agrees to be recorded. */
  agreed = signal(false);
  microphone = signal(false);
  camera = signal(false);
  /** What the person should know about devices or the call, or "". */
  notice = signal("");

  #token;
  #myName;
  #sendTo;
  #refused;
  #own = { id: "", flags: 0 };
  #settings = {};
  #roster = new Map();
  #others = new Others();
  #media = null;
  #mesh = null;
  #seenInCall = false;

  constructor({ token, myName, sendTo, refused }) {
    this.#token = token;
    this.#myName = myName;
    this.#sendTo = sendTo;
    this.#refused = refused;
  }

  /** Open the devices and join. */
  async join() {
    if (this.state.value !== "out") return;
    this.state.value = "joining";
    this.notice.value = "";
    const media = new LocalMedia((kind) => this.#deviceGone(kind));
    this.#media = media;
    const problems = await media.open();
    const flags = IN_CALL | (media.track("audio") ? WITH_AUDIO : 0) | (media.track("video") ? WITH_VIDEO : 0);
    if (this.#media !== media) return media.close(); // left while the browser was asking
    this.#own.flags = flags;
    this.#startMesh(); // before the server knows: others may call us before its answer is here
    try {
      await joinCall(this.#token, flags, this.agreed.value);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    if (this.#media !== media) return;
    batch(() => {
      this.#seenInCall = false;
      this.microphone.value = Boolean(media.track("audio"));
      this.camera.value = Boolean(media.track("video"));
      this.notice.value = mediaSentence(problems);
      this.state.value = "in";
    });
    this.follow(this.#roster);
  }

  #refuse(error) {
    this.#end();
    this.notice.value = joinSentence(error);
    this.#refused();
  }

  /** Leave; `all`: end the call for everybody. */
  async leave({ all = false } = {}) {
    if (this.state.value === "out") return;
    this.#end();
    try {
      await leaveCall(this.#token, all);
    } catch (error) {
      if (error.status !== 404) this.notice.value = sentence(error); // 404: our session is gone, and so are we
    }
  }

  /** Out of the call without telling the server: our session there is not ours any more. */
  drop() {
    this.#end();
  }

  /** Signaling is connected, for the first time or again: everybody sees us under a new id. */
  async connected(sessionId, settings) {
    this.#own.id = sessionId;
    this.#settings = settings;
    if (this.state.value !== "in") return;
    this.#mesh?.close();
    this.#startMesh();
    this.#seenInCall = false;
    try {
      await joinCall(this.#token, this.#own.flags, this.agreed.value);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    this.follow(this.#roster);
  }

  /** The roster has changed. */
  follow(roster) {
    this.#roster = roster;
    this.#others.keep(roster);
    if (this.state.value !== "in") return;
    const own = roster.get(this.#own.id);
    if (own?.inCall & IN_CALL) this.#seenInCall = true;
    else if (own && this.#seenInCall) {
      this.#end();
      this.notice.value = "The call has ended.";
      return;
    }
    this.#sync();
  }

  receive(from, data) {
    if (!this.#say(from, data)) this.#mesh?.receive(from, data);
  }

  toggleMicrophone() {
    return this.#toggle("audio", this.microphone);
  }

  toggleCamera() {
    return this.#toggle("video", this.camera);
  }

  async #toggle(kind, on) {
    const media = this.#media;
    const turnOn = !on.value;
    if (turnOn && !media.track(kind)) {
      try {
        if (!navigator.mediaDevices) throw new DOMException("", "NotAllowedError");
        await media.add(kind);
      } catch (error) {
        if (!(error instanceof DOMException)) throw error;
        this.notice.value = mediaSentence(navigator.mediaDevices ? { [kind]: error.name } : "insecure");
        return;
      }
      if (this.#media !== media) return media.close();
    }
    if (kind === "audio") media.track("audio").enabled = turnOn; // stays open, so that it is back at once
    else if (!turnOn) media.drop("video");
    on.value = turnOn;
    this.notice.value = "";
    this.#mesh?.replaceTrack(kind, media.track(kind));
    await this.#publish(kind === "audio" ? WITH_AUDIO : WITH_VIDEO, turnOn);
    this.#tellAll();
    this.#draw();
  }

  /** A kind that we send for the first time becomes part of our flags; muting does not change them. */
  async #publish(flag, turnedOn) {
    if (!turnedOn || this.#own.flags & flag) return;
    this.#own.flags |= flag;
    this.#sync();
    try {
      await setCallFlags(this.#token, this.#own.flags);
    } catch (error) {
      this.notice.value = sentence(error);
    }
  }

  #deviceGone(kind) {
    (kind === "audio" ? this.microphone : this.camera).value = false;
    this.notice.value = `The ${kind === "audio" ? "microphone" : "camera"} has gone.`;
    this.#mesh?.replaceTrack(kind, null);
    this.#tellAll();
    this.#draw();
  }

  #startMesh() {
    this.#mesh = new Mesh({
      local: this.#media,
      iceServers: () => iceServersOf(this.#settings),
      nick: this.#myName,
      sendTo: this.#sendTo,
      on: {
        changed: () => this.#draw(),
        reached: (id) => this.#tell(id),
        state: (id, message) => this.#say(id, message),
      },
    });
  }

  #sync() {
    this.#mesh?.sync({ id: this.#own.id, inCall: this.#own.flags }, this.#roster);
    this.#draw();
  }

  #end() {
    batch(() => {
      this.#mesh?.close();
      this.#media?.close();
      this.#mesh = null;
      this.#media = null;
      this.#own.flags = 0;
      this.tiles.value = [];
      this.microphone.value = false;
      this.camera.value = false;
      this.state.value = "out";
    });
  }

  get #ownState() {
    return { audio: this.microphone.value, video: this.camera.value, nick: this.#myName() };
  }

  /** Tell one session our state, by both ways. */
  #tell(id) {
    for (const message of signalingMessages(this.#ownState)) this.#sendTo(id, { ...message, to: id });
    for (const message of channelMessages(this.#ownState)) this.#mesh?.sendStatus(message, id);
  }

  #tellAll() {
    for (const { id } of others(this.#roster, this.#own.id)) this.#tell(id);
  }

  /** Take in what a session says about itself. Returns whether the message was of that kind. */
  #say(id, message) {
    if (!this.#others.say(id, message)) return false;
    this.#draw();
    return true;
  }

  #draw() {
    if (this.state.value !== "in") return;
    const tiles = this.#others.tiles(this.#roster, this.#own.id, this.#mesh);
    const { audio, video, nick } = this.#ownState;
    const stream = this.#media?.stream ?? null;
    this.tiles.value = [...tiles, { id: "own", own: true, name: nick, stream, audio, video, connected: true }];
  }
}
