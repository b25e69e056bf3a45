/** Which conversation the address bar shows. */

import { signal } from "../../vendor/signals.js";
import { invitationLink, tokenFromLocation, url } from "../base.js";

/** Room token, or null for the list alone. */
export const place = signal(tokenFromLocation());

addEventListener("popstate", () => (place.value = tokenFromLocation()));

/** Go to a conversation, or with null to the list. */
export function go(token) {
  if (token === place.value) return;
  history.pushState(null, "", token ? invitationLink(token) : url(""));
  place.value = token;
}
