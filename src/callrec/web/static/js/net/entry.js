/** Entering a room without taking it from another window. */

import { ocs } from "./ocs.js";

/**
 * Answers with the room, which then has a fresh session of ours; our earlier one ends. When that is in the room's call
 * it throws an OcsError with status 409 whose `data.sessionId` tells which it is.
 */
export async function enterUnlessInCall(token) {
  const path = `apps/spreed/api/v4/room/${token}/participants/active`;
  return (await ocs("POST", path, { body: { force: false } })).data;
}
