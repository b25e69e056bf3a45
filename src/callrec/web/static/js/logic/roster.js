/**
 * Who is in the room and in the call, from signaling events. Pure: every function returns a new Map from signaling
 * session id to {id, userId, name, inCall, internal, present}.
 */

export const IN_CALL = 1;
export const WITH_AUDIO = 2;
export const WITH_VIDEO = 4;
export const STREAMS = WITH_AUDIO | WITH_VIDEO;

const unknown = (id) => ({ id, userId: "", name: "", inCall: 0, internal: false, present: false });

const changed = (roster, id, change) => roster.set(id, { ...(roster.get(id) ?? unknown(id)), ...change });

/** Entries of a `join` or `change` event: these sessions are in the room. */
export function joined(roster, entries) {
  const next = new Map(roster);
  for (const entry of entries) {
    const known = next.get(entry.sessionid) ?? unknown(entry.sessionid);
    changed(next, entry.sessionid, {
      present: true,
      userId: entry.userid || known.userId,
      name: entry.user?.displayname || known.name,
    });
  }
  return next;
}

/** Ids of a `leave` event. */
export function left(roster, ids) {
  const next = new Map(roster);
  for (const id of ids) next.delete(id);
  return next;
}

/** A participants `update`. It is merged: an in-call push names only those in the call and those that changed. */
export function updated(roster, update) {
  const next = new Map(roster);
  if (update.all) {
    for (const id of next.keys()) changed(next, id, { inCall: Number(update.incall) || 0 });
  }
  for (const user of update.users ?? []) {
    if (!user.sessionId) continue;
    const known = next.get(user.sessionId) ?? unknown(user.sessionId);
    changed(next, user.sessionId, {
      inCall: Number(user.inCall) || 0,
      internal: Boolean(user.internal),
      userId: user.userId || known.userId,
      name: user.displayName || known.name,
    });
  }
  return next;
}

/** Everybody else who is in the call, internal clients (the recorder) included. */
export function others(roster, ownId) {
  return [...roster.values()].filter((one) => one.present && one.id !== ownId && one.inCall & IN_CALL);
}

/** The name to show: `nick` is what the session calls itself, and counts only where the server knows none. */
export const shownName = (one, nick) => one.name || nick || one.userId || "Guest";
