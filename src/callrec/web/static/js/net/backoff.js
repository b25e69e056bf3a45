/** Waiting between attempts to connect. */

import { reachable } from "./ocs.js";

const WAIT_MS = [1_000, 2_000, 4_000];

/** Waits longer and longer, and begins anew when the server or the network is back. */
export class BackOff {
  #attempt = 0;

  /** An attempt has succeeded. */
  reset() {
    this.#attempt = 0;
  }

  /** Wait until the next attempt, or until `aborted`, an AbortSignal. */
  wait(aborted) {
    const ms = WAIT_MS[Math.min(this.#attempt++, WAIT_MS.length - 1)] * (0.75 + Math.random() / 4);
    return new Promise((resolve) => {
      const waiting = new AbortController();
      const { signal } = waiting;
      const end = () => {
        waiting.abort();
        resolve();
      };
      const back = () => {
        this.reset();
        end();
      };
      const timer = setTimeout(end, ms);
      let before = reachable.peek();
      const unsubscribe = reachable.subscribe((now) => {
        if (now && !before) back();
        before = now;
      });
      addEventListener("online", back, { signal });
      aborted.addEventListener("abort", end, { signal });
      signal.addEventListener("abort", () => (clearTimeout(timer), unsubscribe()));
    });
  }
}
