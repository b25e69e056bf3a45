/** The user's conversations. */

import { signal } from "../../vendor/signals.js";
import * as talk from "../net/talk.js";
import { Poll } from "./poll.js";
import { signedOut } from "./session.js";

const INTERVAL_MS = 10_000;
const GROUP = 2;
const PUBLIC = 3;

/** Room objects, the liveliest first; null until known. */
export const rooms = signal(null);

const order = (a, b) => b.lastActivity - a.lastActivity || b.id - a.id;

export const roomList = new Poll(async () => {
  try {
    rooms.value = (await talk.listRooms()).sort(order);
  } catch (error) {
    if (error.status === 401) signedOut();
    throw error;
  }
}, INTERVAL_MS);

/** Create a conversation and return its token. */
export async function createRoom(name, guestsByLink) {
  const room = await talk.createRoom(name, guestsByLink ? PUBLIC : GROUP);
  rooms.value = [room, ...(rooms.value ?? [])];
  return room.token;
}
