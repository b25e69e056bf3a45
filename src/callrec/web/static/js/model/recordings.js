/** The recordings that were made for the user, with their transcripts and summaries. */

import { signal } from "../../vendor/signals.js";
import { listFolder } from "../net/files.js";

/** Files are in a folder of their room. */
const FOLDER = "Talk/Recording";

/** File objects (net/files.js), newest first; null until known. */
export const recordings = signal(null);

/** Read the list. Throws an OcsError. */
export async function loadRecordings(userId) {
  const rooms = (await listFolder(userId, FOLDER)).filter((entry) => entry.folder);
  const files = (await Promise.all(rooms.map((room) => listFolder(userId, room.path)))).flat();
  const shown = files.filter((entry) => !entry.folder && !entry.name.startsWith("."));
  recordings.value = shown.sort((a, b) => b.modified - a.modified);
}

/** Forget what we know, for the next user. */
export function clearRecordings() {
  recordings.value = null;
}
