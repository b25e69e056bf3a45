/** Which conversation the address bar shows. */

import { signal } from "../../vendor/signals.js";
import { invitationLink, tokenFromLocation, url } from "../base.js";

/** Room token, or null for the list alone. */
export const place = signal(tokenFromLocation());

/** Where somebody wants to go who first has to say that he is sure: {token}, or null. */
export const wish = signal(null);

let asksFirst = () => false;

/** From now on, as long as `test()` holds, going elsewhere is a wish until `goOn()`. */
export function askFirst(test) {
  asksFirst = test;
}

const show = (token) => history.pushState(null, "", token ? invitationLink(token) : url(""));

addEventListener("popstate", () => {
  const token = tokenFromLocation();
  if (token !== place.value && asksFirst()) {
    show(place.value); // the browser has gone there already
    wish.value = { token };
  } else {
    place.value = token;
  }
});

/** Go to a conversation, or with null to the list. */
export function go(token) {
  if (token === place.value) return;
  if (asksFirst()) {
    wish.value = { token };
    return;
  }
  show(token);
  place.value = token;
}

/** Go where somebody wanted to go. */
export function goOn() {
  const { token } = wish.value;
  wish.value = null;
  show(token);
  place.value = token;
}

/** Stay here after all. */
export function stay() {
  wish.value = null;
}
