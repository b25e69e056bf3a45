/** A call as a recorder's browser sees it: in it as internal client, with everybody's media and none of its own. */

import { signal } from "../../vendor/signals.js";
import { IN_CALL, joined, left, updated } from "../logic/roster.js";
import { Signaling } from "../net/signaling.js";
import { NoMedia } from "./media.js";
import { iceServersOf, Mesh } from "./mesh.js";
import { Others } from "./others.js";

/** A WebDriver script ends after 30 s by default: the cause is told before that. */
const JOIN_TIMEOUT_MS = 20_000;
/** How long the signaling server may take to see that we have left. */
const LEAVE_TIMEOUT_MS = 2_000;

const NO_MEDIA_SERVERS = "The signaling server has a media server (mcu), and callrec's page cannot use one.";

/** An error of the signaling server with its error word, for the recorder's log. */
const withCode = ({ code, message }) => (code && code !== message ? `${code}: ${message}` : message);

/**
 * `internal` are the signed parameters {random, token, backend} of the hello; they serve for every reconnect.
 * `settings` are those of the signaling server; `freshSettings(old)` is asked for others before a reconnect.
 */
export class RecordedCall {
  /** As those of Call, without a tile of our own. */
  tiles = signal([]);

  #signaling;
  #settings;
  #mesh;
  #others = new Others();
  #roster = new Map();
  /** This connection has told who is in the call; until then everything stays as it is. */
  #listed = false;
  #connections = 0;
  #ended = false;
  #running = Promise.resolve();
  #problem = "The signaling server did not answer in time.";
  #entered = () => {};
  #refused = () => {};

  constructor({ token, settings, internal, freshSettings }) {
    this.#settings = settings;
    this.#signaling = new Signaling({
      token,
      credentials: async () => {
        if (this.#connections) this.#settings = await freshSettings(this.#settings);
        return { settings: this.#settings, internal };
      },
      on: {
        hello: (features) => this.#hello(features),
        connected: () => this.#connected(),
        disconnected: (error) => (this.#problem = error ? withCode(error) : this.#problem),
        staleSession: () => {}, // we have none; it is tried again
        removed: () => this.#end(),
        failed: (error) => this.#failed(error),
        event: (event) => this.#event(event),
        message: (from, data) => this.#receive(from, data),
      },
    });
    this.#mesh = new Mesh({
      local: new NoMedia(),
      iceServers: () => iceServersOf(this.#settings),
      nick: () => "",
      sendTo: (id, data) => this.#signaling.sendTo(id, data),
      on: {
        changed: () => this.#draw(),
        reached: () => {}, // we have nothing to tell about ourselves
        state: (id, message) => this.#others.say(id, message) && this.#draw(),
      },
    });
  }

  /** Enter the call, and stay in it until `leave()`. Throws when that cannot be done, or not in time. */
  async join() {
    const entered = new Promise((resolve, reject) => {
      this.#entered = resolve;
      this.#refused = reject;
    });
    const timer = setTimeout(() => this.#refused(new Error(this.#problem)), JOIN_TIMEOUT_MS);
    this.#running = this.#signaling.run();
    try {
      await entered;
    } catch (error) {
      await this.leave();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Leave; resolved when the signaling server knows. */
  async leave() {
    this.#end();
    this.#signaling.stop();
    const timeout = new Promise((resolve) => setTimeout(resolve, LEAVE_TIMEOUT_MS));
    await Promise.race([this.#running, timeout]);
  }

  #hello(features) {
    if (features.includes("mcu")) throw Object.assign(new Error(NO_MEDIA_SERVERS), { final: true });
    this.#roster = new Map();
    this.#listed = false;
    this.#signaling.setInCall(IN_CALL); // before anybody sees us, so that nobody waits for media of ours
  }

  #connected() {
    this.#signaling.setInCall(IN_CALL); // again: some servers count only what is said in the room
    if (this.#connections) this.#mesh.renamed();
    this.#connections += 1;
    this.#entered();
  }

  /** The server will not have us (any more); what flows between the others and us goes on. */
  #failed(error) {
    console.error("signaling:", withCode(error));
    this.#refused(new Error(withCode(error)));
  }

  #end() {
    this.#ended = true;
    this.#mesh.close();
    this.tiles.value = [];
  }

  #receive(from, data) {
    if (this.#ended) return;
    if (this.#others.say(from, data)) this.#draw();
    else this.#mesh.receive(from, data);
  }

  #event({ target, type, ...event }) {
    if (target === "participants" && type === "update") {
      this.#listed = true;
      this.#follow(updated(this.#roster, event.update));
    } else if (target === "room" && (type === "join" || type === "change")) {
      this.#follow(joined(this.#roster, event[type]));
    } else if (target === "room" && type === "leave") {
      this.#follow(left(this.#roster, event.leave));
    }
  }

  #follow(roster) {
    this.#roster = roster;
    if (!this.#listed || this.#ended) return;
    this.#others.keep(roster);
    this.#mesh.sync({ id: this.#signaling.sessionId, inCall: IN_CALL }, roster);
    this.#draw();
  }

  #draw() {
    if (!this.#listed || this.#ended) return;
    this.tiles.value = this.#others.tiles(this.#roster, this.#signaling.sessionId, this.#mesh);
  }
}
