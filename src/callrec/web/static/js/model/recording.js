/** Starting and stopping the recording of a room. */

import { signal } from "../../vendor/signals.js";
import { recordingSentence } from "../logic/sentences.js";
import * as talk from "../net/talk.js";

export class Recording {
  /** Number of the room's recording state (logic/recording.js). */
  status = signal(0);
  /** A request is under way. */
  busy = signal(false);
  /** Why the last request failed, or "". */
  problem = signal("");

  #token;

  constructor(token) {
    this.#token = token;
  }

  start(kind) {
    return this.#do(() => talk.startRecording(this.#token, kind));
  }

  stop() {
    return this.#do(() => talk.stopRecording(this.#token));
  }

  async #do(what) {
    if (this.busy.value) return;
    this.busy.value = true;
    this.problem.value = "";
    try {
      await what();
    } catch (error) {
      this.problem.value = recordingSentence(error);
    } finally {
      this.busy.value = false;
    }
  }
}
