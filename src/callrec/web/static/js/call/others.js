/** The others of a call: what they say about themselves, and their tiles. */

import { others, shownName, WITH_AUDIO, WITH_VIDEO } from "../logic/roster.js";
import { understood } from "../logic/states.js";

export class Others {
  #states = new Map();

  /** Forget those who are gone. */
  keep(roster) {
    for (const id of this.#states.keys()) if (!roster.has(id)) this.#states.delete(id);
  }

  /** Take in what a session says about itself. Returns whether the message was of that kind. */
  say(id, message) {
    const { nick, ...state } = understood(message);
    if (nick === undefined && !Object.keys(state).length) return false;
    this.#states.set(id, { ...this.#states.get(id), ...state, ...(nick ? { nick } : {}) });
    return true;
  }

  /** {id, name, own, stream, audio, video, connected} of everybody in the call but ourselves and internal clients. */
  tiles(roster, ownId, mesh) {
    return others(roster, ownId)
      .filter((one) => !one.internal)
      .map((one) => {
        const said = this.#states.get(one.id) ?? {};
        return {
          id: one.id,
          own: false,
          name: shownName(one, said.nick),
          stream: mesh?.stream(one.id) ?? null,
          audio: Boolean(one.inCall & WITH_AUDIO) && said.audio !== false,
          video: Boolean(one.inCall & WITH_VIDEO) && said.video !== false,
          connected: mesh?.connected(one.id) ?? false,
        };
      });
  }
}
