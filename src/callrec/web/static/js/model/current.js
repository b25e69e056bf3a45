/** The open conversation: follows the address bar and who we are. */

import { effect, signal, untracked } from "../../vendor/signals.js";
import { openSentence, UNREACHABLE } from "../logic/sentences.js";
import { reachable } from "../net/ocs.js";
import { Conversation } from "./conversation.js";
import { askFirst, place } from "./place.js";
import { me } from "./session.js";

/** Conversation, or null. */
export const current = signal(null);
/** Why the conversation of the address bar could not be opened, or "". */
export const openProblem = signal("");
/** The name under which a guest came in, or "". */
export const guestName = signal("");

let turn = 0;

async function leave(conversation) {
  try {
    await conversation.leave();
  } catch (error) {
    console.warn("leave:", error.message); // the server forgets the session by itself
  }
}

/** Leave what is open. */
export async function close() {
  turn += 1;
  const before = current.peek();
  current.value = null;
  openProblem.value = "";
  if (before) await leave(before);
}

/**
 * Leave what is open, and open the conversation of the address bar when we may enter. `force`: take over from another
 * window that is in its call.
 */
export async function reopen({ force = false } = {}) {
  const closing = close();
  const mine = turn;
  await closing;
  const token = place.peek();
  const user = me.peek()?.kind === "user" ? me.peek() : null;
  const guest = user ? "" : guestName.peek();
  if (mine !== turn || !token || !(user || guest)) return;
  const conversation = new Conversation(token, { myName: () => user?.name ?? guest, signedIn: Boolean(user) });
  current.value = conversation;
  try {
    await conversation.open(guest, { force });
  } catch (error) {
    if (current.peek() !== conversation) return;
    current.value = null;
    guestName.value = "";
    openProblem.value = openSentence(error, Boolean(user));
  }
}

/** Follow the address bar and who we are from now on. */
export function follow() {
  effect(() => {
    const { value: token } = place;
    if (me.value || token) untracked(reopen);
  });
  effect(() => {
    if (reachable.value && openProblem.peek() === UNREACHABLE) untracked(reopen);
  });
  askFirst(() => Boolean(current.peek()?.inCall()));
}

/** A guest comes in by the link. */
export function enterAsGuest(name) {
  guestName.value = name;
  return reopen();
}
