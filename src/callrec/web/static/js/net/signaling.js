/** A room's connection to the signaling server (docs/wire.md, Signaling): says hello, enters the room, comes back. */

import { reachedAt } from "../base.js";
import { BackOff } from "./backoff.js";

const REQUEST_TIMEOUT_MS = 10_000;

/** Errors after which trying again cannot help. */
const HOPELESS = new Set([
  "auth_failed",
  "invalid_ticket",
  "invalid_token",
  "no_such_user",
  "invalid_backend",
  "invalid_client_type",
]);

/** The signaling server refused a request; `code` is its error word. */
export class SignalingError extends Error {
  constructor(code, message) {
    super(message || code);
    this.name = "SignalingError";
    this.code = code;
  }
}

const socketUrl = (server) => `${reachedAt(server).replace(/\/+$/, "").replace(/^http/, "ws")}/spreed`;

/** Who we say we are: an internal client by its signed parameters, anybody else by a ticket for the backend. */
function introduction({ settings, backendUrl, internal }) {
  if (internal) return { features: ["internal-incall"], auth: { type: "internal", params: internal } };
  const params = settings.helloAuthParams["1.0"];
  return { features: [], auth: { url: backendUrl, params: { ...params, userid: params.userid ?? "" } } };
}

/**
 * `credentials()` is asked before every attempt for {settings, ncSession, backendUrl}, or as internal client for
 * {settings, internal: {random, token, backend}}; what it or a callback throws with `final: true` ends the trying.
 * `on` has the callbacks hello(features), connected({sessionId, settings}), disconnected(error), staleSession(),
 * removed(), failed(error), event(event) and message(senderId, data).
 */
export class Signaling {
  #token;
  #credentials;
  #on;
  #abort = new AbortController();
  #socket = null;
  #pending = new Map();
  #lastId = 0;
  sessionId = "";

  constructor({ token, credentials, on }) {
    this.#token = token;
    this.#credentials = credentials;
    this.#on = on;
  }

  /** Run until `stop()`, or until the server has sent us away for good. */
  async run() {
    const backOff = new BackOff();
    while (!this.#abort.signal.aborted) {
      let cause = null;
      try {
        const closed = await this.#connect();
        backOff.reset();
        await closed;
      } catch (error) {
        cause = error;
        this.#socket?.close();
        if (this.#abort.signal.aborted) return;
        if (error.final || HOPELESS.has(error.code)) {
          this.#on.failed(error);
          return;
        }
        if (error.code === "no_such_room" || error.code === "room_join_failed") this.#on.staleSession();
        console.warn("signaling:", error.message);
      }
      this.sessionId = "";
      if (this.#abort.signal.aborted) return;
      this.#on.disconnected(cause);
      await backOff.wait(this.#abort.signal);
    }
  }

  stop() {
    if (this.#abort.signal.aborted) return;
    this.#send({ type: "bye", bye: {} });
    this.#abort.abort();
    this.#socket?.close();
  }

  /** Send `data` to one session of the room; dropped when not connected. */
  sendTo(sessionId, data) {
    const recipient = { type: "session", sessionid: sessionId };
    this.#send({ type: "message", message: { recipient, data } });
  }

  /** Say our own in-call flags: internal clients do, as the server asks nobody about them. */
  setInCall(incall) {
    this.#send({ type: "internal", internal: { type: "incall", incall: { incall } } });
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  async #connect() {
    const credentials = await this.#credentials();
    const { settings, ncSession } = credentials;
    if (this.#abort.signal.aborted) return null;
    const socket = new WebSocket(socketUrl(settings.server));
    this.#socket = socket;
    const closed = new Promise((resolve) => socket.addEventListener("close", resolve, { once: true }));
    closed.then(() => socket === this.#socket && this.#failPending("The connection was closed."));
    socket.addEventListener("message", ({ data }) => socket === this.#socket && this.#receive(JSON.parse(data)));
    await this.#opened(socket, closed);
    const { hello } = await this.#request({ type: "hello", hello: { version: "1.0", ...introduction(credentials) } });
    this.sessionId = hello.sessionid;
    this.#on.hello(hello.server?.features ?? []);
    await this.#request({ type: "room", room: { roomid: this.#token, sessionid: ncSession } });
    this.#on.connected({ sessionId: this.sessionId, settings });
    return closed;
  }

  #opened(socket, closed) {
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      closed.then(() => reject(new SignalingError("unreachable", "The signaling server cannot be reached.")));
    });
  }

  #request(message) {
    const id = String(++this.#lastId);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, reject, new SignalingError("timeout")), REQUEST_TIMEOUT_MS);
      this.#pending.set(id, { resolve, reject, timer });
      this.#send({ ...message, id });
    });
  }

  #settle(id, settle, value) {
    clearTimeout(this.#pending.get(id)?.timer);
    this.#pending.delete(id);
    settle(value);
  }

  #failPending(text) {
    for (const [id, { reject }] of this.#pending) this.#settle(id, reject, new SignalingError("closed", text));
  }

  #receive(received) {
    const waiting = this.#pending.get(received.id);
    if (waiting) {
      if (received.type === "error" && received.error.code !== "already_joined") {
        this.#settle(received.id, waiting.reject, new SignalingError(received.error.code, received.error.message));
      } else {
        this.#settle(received.id, waiting.resolve, received);
      }
      return;
    }
    switch (received.type) {
      case "event":
        this.#event(received.event);
        break;
      case "message":
        this.#message(received.message);
        break;
      case "room":
        if (received.room.roomid === "") this.#removed();
        else this.#on.event({ target: "room", type: "properties" });
        break;
      case "bye":
        if (received.bye?.reason === "room_session_reconnected") this.#removed();
        break;
      case "error":
        console.warn("signaling:", received.error?.code, received.error?.message);
        break;
      default: // welcome, and types that we do not use
    }
  }

  #message({ sender, data }) {
    if (sender?.sessionid && data) this.#on.message(sender.sessionid, data);
  }

  #event(event) {
    if (event.target === "roomlist" && event.type === "disinvite" && event.disinvite?.roomid === this.#token) {
      this.#removed();
    } else {
      this.#on.event(event);
    }
  }

  #removed() {
    this.stop();
    this.#on.removed();
  }
}
