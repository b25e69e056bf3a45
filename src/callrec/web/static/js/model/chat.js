/** A conversation's chat, followed by long polling while we may read it. */

import { signal } from "../../vendor/signals.js";
import { merged } from "../logic/messages.js";
import * as talk from "../net/talk.js";

const RETRY_MS = 2_000;
const EMPTY_ANSWER_MS = 1_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** `onNew(messages)` is told of messages that arrive after the history. */
export class Chat {
  /** Message objects, oldest first. */
  messages = signal([]);

  #token;
  #onNew;
  #abort = null;
  #lastKnown = 0;

  constructor(token, onNew) {
    this.#token = token;
    this.#onNew = onNew;
  }

  /** Read the history, then wait for what comes, until `stop()`. One at a time. */
  async run() {
    if (this.#abort) return;
    this.#abort = new AbortController();
    const { signal: aborted } = this.#abort;
    let step = () => this.#history(aborted);
    while (!aborted.aborted) {
      try {
        await step();
        step = () => this.#future(aborted);
      } catch (error) {
        if (aborted.aborted) return;
        console.warn("chat:", error.message);
        await pause(RETRY_MS);
      }
    }
  }

  stop() {
    this.#abort?.abort();
    this.#abort = null;
  }

  /** Throws an OcsError when the server does not take it. */
  async send(text) {
    this.#add([await talk.sendChat(this.#token, text)]);
  }

  async #history(aborted) {
    const messages = (await talk.chatHistory(this.#token, aborted)) ?? [];
    this.#lastKnown = Math.max(0, ...messages.map((message) => message.id));
    this.#add(messages);
  }

  async #future(aborted) {
    const { data, headers } = await talk.chatFuture(this.#token, this.#lastKnown, aborted);
    if (!data) return; // nothing came within the server's time
    const given = Number(headers.get("X-Chat-Last-Given")) || 0;
    const last = Math.max(this.#lastKnown, given, ...data.map((message) => message.id));
    if (last === this.#lastKnown) await pause(EMPTY_ANSWER_MS);
    this.#lastKnown = last;
    this.#add(data);
    this.#onNew(data);
  }

  #add(messages) {
    this.messages.value = merged(this.messages.value, messages);
  }
}
