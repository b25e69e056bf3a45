/** An open conversation: the session in the room, signaling, and what hangs on them. */

import { signal } from "../../vendor/signals.js";
import { Call } from "../call/call.js";
import { joined, left, updated } from "../logic/roster.js";
import { asksForPassword } from "../logic/entrance.js";
import { openSentence, sentence } from "../logic/sentences.js";
import { Signaling } from "../net/signaling.js";
import * as talk from "../net/talk.js";
import { Chat } from "./chat.js";
import { Lobby } from "./lobby.js";
import { notificationList } from "./notifications.js";
import { Recording } from "./recording.js";

const ELSEWHERE = "You are in this conversation in another window.";
const LEFT_KEY = "callrec.left-session";
const REFRESH_MS = 150;
const GUEST = 4;
/** Statuses of a refused join after which trying again cannot help. */
const FINAL = new Set([403, 404, 409]);

/** `myName()` is our display name; `signedIn` tells a user from a guest. */
export class Conversation {
  /** The room object; null until joined. */
  room = signal(null);
  /** The room's password has to be said first, by `unlock()`. */
  locked = signal(false);
  /** Participant objects; null where we may not see them. */
  people = signal(null);
  /** Signaling is connected; null before it is so for the first time. */
  online = signal(null);
  /** Why the conversation is not (or no longer) open, or "". */
  closedBecause = signal("");
  /** It is closed because we are in its call in another window. */
  elsewhere = signal(false);

  #signedIn;
  #guestName = "";
  #password = "";
  #signaling;
  #roster = new Map();
  #refreshTimer = 0;
  #stale = false;
  #following = false;
  #ended = false;

  constructor(token, { myName, signedIn }) {
    this.token = token;
    this.#signedIn = signedIn;
    this.chat = new Chat(token, (messages) => this.#newMessages(messages));
    this.recording = new Recording(token);
    this.lobby = new Lobby(() => this.#read());
    this.call = new Call({
      token,
      myName,
      sendTo: (id, data) => this.#signaling.sendTo(id, data),
      refused: () => this.refresh(),
    });
    this.#signaling = new Signaling({
      token,
      credentials: () => this.#credentials(),
      on: {
        hello: () => this.#setRoster(new Map()),
        connected: ({ sessionId, settings }) => this.#connected(sessionId, settings),
        disconnected: () => (this.online.value = false),
        staleSession: () => (this.#stale = true),
        removed: () => this.#close("You opened this conversation in another window, or you were removed from it."),
        failed: (error) => this.#failed(error),
        event: (event) => this.#event(event),
        message: (from, data) => this.call.receive(from, data),
      },
    });
  }

  /**
   * Join the room and follow it, or ask for its password. `guestName` is set for guests; `force`: take over from
   * another window that is in the call. Throws the OcsError of a refused join.
   */
  async open(guestName, { force = false } = {}) {
    this.#guestName = guestName;
    // Asked before joining: a join without password is a failed attempt, and too many lock a whole network out.
    const asks = asksForPassword(await talk.getRoom(this.token), this.#signedIn);
    if (this.#ended) return;
    if (asks) this.locked.value = true;
    else await this.#comeIn(force);
  }

  /** Say the room's password and join. Throws the OcsError of a refused join. */
  async unlock(password) {
    this.#password = password;
    await this.#comeIn(false);
    this.locked.value = false;
  }

  inCall() {
    return this.call.state.value === "in";
  }

  /** Leave call and room. */
  async leave() {
    if (this.closedBecause.value) return;
    const joinedRoom = this.room.value !== null;
    await this.call.leave();
    this.#close("");
    if (joinedRoom) await talk.leaveRoom(this.token);
  }

  /** Read the room and its people again, soon; many calls make one. */
  refresh() {
    if (this.#ended) return;
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = setTimeout(() => this.#read(), REFRESH_MS);
  }

  /** Carry out a request of net/talk.js that answers with the room. Throws its OcsError. */
  async change(request, ...given) {
    this.#takeRoom(await request(this.token, ...given));
  }

  async #read() {
    try {
      this.#takeRoom(await talk.getRoom(this.token));
      await this.#loadPeople();
    } catch (error) {
      console.warn("room:", error.message); // the next event reads it again
    }
  }

  async #comeIn(force) {
    try {
      await this.#enter(force, sessionStorage.getItem(LEFT_KEY));
    } catch (error) {
      if (error.status !== 409) throw error;
      this.#failed(error);
      return;
    }
    if (this.#guestName) await talk.setGuestName(this.token, this.#guestName);
    if (this.#ended) return this.leave();
    addEventListener("beforeunload", this.#beforeUnload);
    addEventListener("pagehide", this.#pageHidden);
    this.#following = true;
    this.#followLobby();
    this.#signaling.run();
    this.#loadPeople();
  }

  /** A session in the call with the id `ownSession` was this window's, so it may be ended. */
  async #enter(force, ownSession) {
    const password = this.#password;
    try {
      this.#takeRoom(await talk.joinRoom(this.token, { force, password }));
    } catch (error) {
      if (error.status !== 409 || error.data?.sessionId !== ownSession) throw error;
      this.#takeRoom(await talk.joinRoom(this.token, { password }));
    }
  }

  #beforeUnload = (event) => {
    if (this.inCall()) event.preventDefault(); // the browser asks
  };

  #pageHidden = () => {
    sessionStorage.setItem(LEFT_KEY, this.room.value.sessionId); // after a reload it may still be there
    talk.leaveRoom(this.token, { keepalive: true }).catch((error) => console.warn("leave:", error.message));
  };

  #close(reason) {
    this.#ended = true;
    this.#following = false;
    removeEventListener("beforeunload", this.#beforeUnload);
    removeEventListener("pagehide", this.#pageHidden);
    clearTimeout(this.#refreshTimer);
    this.lobby.stop();
    this.chat.stop();
    this.#signaling.stop();
    this.call.drop();
    this.online.value = false;
    this.closedBecause.value = reason;
  }

  #failed(error) {
    this.elsewhere.value = error.status === 409;
    if (this.elsewhere.value) this.#close(ELSEWHERE);
    else this.#close(error.status ? openSentence(error, this.#signedIn) : error.message);
  }

  #takeRoom(room) {
    this.room.value = room;
    this.recording.status.value = room.callRecording;
    if (this.#following) this.#followLobby();
  }

  #followLobby() {
    this.lobby.follow(this.room.value);
    if (!this.lobby.waiting.value) {
      this.chat.run();
      return;
    }
    this.chat.stop();
    this.call.drop(); // who has to wait is not in the call any more
    this.call.notice.value = "";
  }

  async #credentials() {
    if (this.#stale) {
      try {
        await this.#enter(false, this.room.value.sessionId);
      } catch (error) {
        error.final = FINAL.has(error.status);
        throw error;
      }
      this.#stale = false;
    }
    const settings = await talk.signalingSettings(this.token);
    if (settings.signalingMode === "internal") {
      throw Object.assign(new Error("This server has no signaling server, so there are no calls."), { final: true });
    }
    return { settings, ncSession: this.room.value.sessionId, backendUrl: talk.signalingBackend() };
  }

  async #connected(sessionId, settings) {
    this.online.value = true;
    await this.call.connected(sessionId, settings);
    this.refresh();
  }

  #setRoster(roster) {
    this.#roster = roster;
    this.call.follow(roster);
  }

  #event({ target, type, ...event }) {
    if (target === "participants" && type === "update") {
      this.#setRoster(updated(this.#roster, event.update));
      this.refresh();
    } else if (target === "room" && (type === "join" || type === "change")) {
      this.#setRoster(joined(this.#roster, event[type]));
      this.refresh();
    } else if (target === "room" && type === "leave") {
      this.#setRoster(left(this.#roster, event.leave));
      this.refresh();
    } else if (target === "room" && type === "properties") {
      this.refresh();
    } else if (target === "room" && type === "message" && event.message.data?.type === "recording") {
      this.recording.status.value = event.message.data.recording.status;
      this.refresh();
      notificationList.now();
    }
  }

  #newMessages(messages) {
    if (messages.some((message) => message.systemMessage)) this.refresh();
  }

  async #loadPeople() {
    if (!this.#signedIn || this.room.value.participantType === GUEST || this.lobby.waiting.value) return;
    try {
      this.people.value = await talk.listParticipants(this.token);
    } catch (error) {
      console.warn("people:", sentence(error));
    }
  }
}
