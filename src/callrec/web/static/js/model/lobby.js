/** Waiting in a room's lobby until a moderator lets us in, or its time comes. */

import { signal } from "../../vendor/signals.js";
import { waits } from "../logic/entrance.js";
import { Poll } from "./poll.js";

/** Signaling tells when the lobby changes; this is for when it does not reach us. */
const LOOK_MS = 5_000;

/** `look()` reads the room again, which comes back by `follow()`. */
export class Lobby {
  /** We are waiting. */
  waiting = signal(false);

  #look;

  constructor(look) {
    this.#look = new Poll(look, LOOK_MS);
  }

  /** The room object is now `room`. */
  follow(room) {
    const waiting = waits(room);
    if (waiting === this.waiting.peek()) return;
    this.waiting.value = waiting;
    if (waiting) this.#look.start();
    else this.#look.stop();
  }

  stop() {
    this.#look.stop();
  }
}
