/** What stands between somebody and a room: its password and its lobby (docs/wire.md, Rooms, Room settings). Pure. */

import { moderates } from "./roles.js";

const LOBBY_ON = 1;
const IGNORES_LOBBY = 8;

/** Has to say the password to come in. `room` is what we see of the room from outside, or as one who is in it. */
export function asksForPassword(room, signedIn) {
  const member = room.attendeeId > 0;
  const found = signedIn && room.listable > 0; // who finds it in the list needs none
  return room.hasPassword && !member && !found;
}

/** The lobby keeps somebody of this role and with these permissions waiting. */
export const keptWaiting = (room, participantType, permissions) =>
  room.lobbyState === LOBBY_ON && !moderates(participantType) && !(permissions & IGNORES_LOBBY);

/** Permissions with which somebody passes the lobby, to be added to what he has. */
export const LET_IN = IGNORES_LOBBY;

/** We are waiting in the lobby of our `room`. */
export const waits = (room) => keptWaiting(room, room.participantType, room.permissions);
