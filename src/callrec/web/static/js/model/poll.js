/** Doing something again and again while the page is visible. */

/** Runs `step` at once, then every `intervalMs` after it has finished. One step at a time. */
export class Poll {
  #step;
  #intervalMs;
  #timer = 0;
  #running = null;
  #stopped = true;

  constructor(step, intervalMs) {
    this.#step = step;
    this.#intervalMs = intervalMs;
  }

  start() {
    this.#stopped = false;
    this.now();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Do it now instead of later. */
  now() {
    if (this.#stopped) return null;
    clearTimeout(this.#timer);
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      if (!this.#stopped) this.#timer = setTimeout(() => this.now(), this.#intervalMs);
    });
    return this.#running;
  }

  async #run() {
    if (document.visibilityState === "hidden") return;
    try {
      await this.#step();
    } catch (error) {
      console.warn("poll:", error.message); // the next turn tries again
    }
  }
}
