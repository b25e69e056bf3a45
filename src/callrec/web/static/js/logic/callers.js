/** Who calls whom in a call without a media server (docs/wire.md, Signaling, Mesh). Pure. */

import { IN_CALL, STREAMS } from "./roster.js";

/** How long the side that is to be called waits before it calls after all. */
export const FALLBACK_MS = 10_000;

/**
 * What to do about a connection to `peer`, both {id, inCall}: "offer", "wait" for its offer, or "nothing".
 * Of two with streams the larger signaling id calls; whoever has streams calls those without.
 */
export function plan(own, peer) {
  if (!(own.inCall & IN_CALL) || !(peer.inCall & IN_CALL)) return "nothing";
  const mine = Boolean(own.inCall & STREAMS);
  const theirs = Boolean(peer.inCall & STREAMS);
  if (!mine && !theirs) return "nothing";
  if (mine !== theirs) return mine ? "offer" : "wait";
  return own.id > peer.id ? "offer" : "wait";
}
