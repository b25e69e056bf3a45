/** The connections of a call without a media server: one Peer per other session, by the rules of logic/callers.js. */

import { FALLBACK_MS, plan } from "../logic/callers.js";
import { others } from "../logic/roster.js";
import { Peer } from "./peer.js";

const MAX_EARLY_CANDIDATES = 64;

/** The servers for media that signaling settings name. */
export const iceServersOf = ({ stunservers = [], turnservers = [] }) => [...stunservers, ...turnservers];

const newSid = () => `${Date.now()}-${Math.random().toString(36).slice(2)}`;

/**
 * `local` is our LocalMedia, `iceServers()` is asked for each connection, `nick()` is our name for those who cannot
 * know it otherwise, `sendTo(id, data)` reaches a session by signaling. `on` has the callbacks changed(), reached(id)
 * (tell it our state) and state(id, message).
 */
export class Mesh {
  #local;
  #iceServers;
  #nick;
  #sendTo;
  #on;
  #own = { id: "", inCall: 0 };
  #roster = new Map();
  #peers = new Map();
  #fallbacks = new Map();
  #early = new Map();
  #met = new Set();

  constructor({ local, iceServers, nick, sendTo, on }) {
    this.#local = local;
    this.#iceServers = iceServers;
    this.#nick = nick;
    this.#sendTo = sendTo;
    this.#on = on;
  }

  stream(id) {
    return this.#peers.get(id)?.stream ?? null;
  }

  connected(id) {
    return this.#peers.get(id)?.connected ?? false;
  }

  /** Bring the connections in line with who is in the call. `own` is {id, inCall}. */
  sync(own, roster) {
    this.#own = own;
    this.#roster = roster;
    const present = new Map(others(roster, own.id).map((one) => [one.id, one]));
    for (const id of new Set([...this.#met, ...this.#peers.keys()])) {
      const gone = !roster.get(id)?.present || (this.#met.has(id) && !present.has(id));
      if (gone) this.#forget(id);
    }
    for (const [id, one] of present) {
      if (!this.#met.has(id)) {
        this.#met.add(id);
        this.#on.reached(id);
      }
      this.#follow(one);
    }
  }

  /** An offer, answer or candidate of another session; other messages and screens are ignored. */
  receive(from, data) {
    if (data.roomType !== "video") return;
    if (data.type === "offer") this.#receiveOffer(from, data);
    else if (data.type === "answer") {
      const peer = this.#current(from, data.sid);
      if (peer?.initiator) peer.acceptAnswer(data.payload.sdp);
    } else if (data.type === "candidate") this.#receiveCandidate(from, data);
  }

  replaceTrack(kind, track) {
    for (const peer of this.#peers.values()) peer.replaceTrack(kind, track);
  }

  sendStatus(message, id) {
    for (const [to, peer] of this.#peers) if (!id || to === id) peer.sendStatus(message);
  }

  /**
   * We have another session id: what flows goes on until the others, who see a new session, have called it; those
   * who do not are called.
   */
  renamed() {
    for (const [id, peer] of this.#peers) {
      clearTimeout(this.#fallbacks.get(id));
      this.#fallbacks.set(id, setTimeout(() => this.#fallBack(id, peer), FALLBACK_MS));
    }
  }

  close() {
    for (const id of [...this.#peers.keys(), ...this.#fallbacks.keys()]) this.#forget(id);
  }

  #follow(one) {
    if (this.#peers.has(one.id)) return;
    const what = plan(this.#own, one);
    if (what === "offer") this.#offer(one.id);
    else if (what === "wait" && !this.#fallbacks.has(one.id)) {
      this.#fallbacks.set(one.id, setTimeout(() => this.#fallBack(one.id), FALLBACK_MS));
    }
  }

  /** Call a session that has not called us; `known` is the connection that we had when the waiting began. */
  #fallBack(id, known) {
    this.#fallbacks.delete(id);
    const one = this.#roster.get(id);
    if (one && this.#peers.get(id) === known && plan(this.#own, one) !== "nothing") this.#offer(id);
  }

  #offer(id) {
    this.#open(id, newSid(), true).offer({ withStatus: !this.#roster.get(id)?.internal });
  }

  #open(id, sid, initiator) {
    this.#drop(id);
    const peer = new Peer({
      sid,
      initiator,
      iceServers: this.#iceServers(),
      local: this.#local,
      send: (type, payload) =>
        this.#sendTo(id, {
          type,
          to: id,
          sid,
          roomType: "video",
          payload: type === "candidate" ? payload : { ...payload, nick: this.#nick() },
        }),
      on: {
        changed: () => this.#on.changed(),
        connected: () => this.#on.reached(id),
        status: (message) => this.#on.state(id, message),
        failed: () => this.#offer(id),
      },
    });
    this.#peers.set(id, peer);
    return peer;
  }

  /** The last offer wins: another sid replaces the connection, the same sid renegotiates it. */
  #receiveOffer(from, { sid, payload }) {
    if (payload.nick) this.#on.state(from, { type: "nickChanged", payload: payload.nick });
    const peer = this.#current(from, sid) ?? this.#open(from, sid, false);
    peer.acceptOffer(payload.sdp);
    const early = this.#early.get(from);
    this.#early.delete(from);
    if (early?.sid === sid) for (const candidate of early.candidates) peer.addCandidate(candidate);
    this.#on.changed();
  }

  #receiveCandidate(from, { sid, payload }) {
    if (!payload.candidate?.candidate) return;
    const peer = this.#current(from, sid);
    if (peer) {
      peer.addCandidate(payload.candidate);
      return;
    }
    let early = this.#early.get(from);
    if (early?.sid !== sid) this.#early.set(from, (early = { sid, candidates: [] }));
    if (early.candidates.length < MAX_EARLY_CANDIDATES) early.candidates.push(payload.candidate);
  }

  #current(id, sid) {
    const peer = this.#peers.get(id);
    return peer?.sid === sid ? peer : null;
  }

  #drop(id) {
    clearTimeout(this.#fallbacks.get(id));
    this.#fallbacks.delete(id);
    this.#peers.get(id)?.close();
    this.#peers.delete(id);
  }

  #forget(id) {
    this.#drop(id);
    this.#early.delete(id);
    this.#met.delete(id);
  }
}
