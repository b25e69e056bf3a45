/** Who uses the page. */

import { signal } from "../../vendor/signals.js";
import * as talk from "../net/talk.js";

/** Value of the server's rule on consent to be recorded (docs/wire.md, Consent). */
const ROOMS_DECIDE = 2;

/**
 * null until known; then {kind: "nobody", wasUser}, or {kind: "user", id, name, canRecord, roomsDecideOnConsent}.
 */
export const me = signal(null);

/** Ask the server who we are. Throws an OcsError when it cannot say. */
export async function loadMe() {
  try {
    const user = await talk.currentUser();
    const { capabilities } = await talk.capabilities();
    const { call } = capabilities?.spreed?.config ?? {};
    me.value = {
      kind: "user",
      id: user.id,
      name: user["display-name"] || user.displayname || user.id,
      canRecord: Boolean(call?.recording),
      roomsDecideOnConsent: call?.["recording-consent"] === ROOMS_DECIDE,
    };
  } catch (error) {
    if (error.status !== 401) throw error;
    signedOut();
  }
}

export async function signIn(user, password) {
  await talk.signIn(user, password);
  await loadMe();
}

export async function signOut() {
  await talk.signOut();
  signedOut();
}

/** The server does not know us (any more). */
export function signedOut() {
  me.value = { kind: "nobody", wasUser: me.peek()?.kind === "user" || Boolean(me.peek()?.wasUser) };
}
