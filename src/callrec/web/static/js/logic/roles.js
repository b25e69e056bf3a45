/** Participant types to words and rights. Pure. */

const WORDS = {
  1: "Owner",
  2: "Moderator",
  3: "Participant",
  4: "Guest",
  5: "Participant by link",
  6: "Guest moderator",
};

export const roleName = (type) => WORDS[type] ?? "Participant";

/** May moderate the room: end the call, for example. */
export const moderates = (type) => type === 1 || type === 2 || type === 6;

const SHARED = new Set([2, 3]);

/** May change what our `room` is like and who is in it; in a room of two nobody may. */
export const governs = (room) => moderates(room.participantType) && SHARED.has(room.type);

/** May record: guest moderators may not. */
export const mayRecord = (type) => type === 1 || type === 2;

/** May be made a moderator; may lose that role; may be removed by a moderator. */
export const promotable = (type) => type === 3 || type === 4 || type === 5;
export const demotable = (type) => type === 2 || type === 6;
export const removable = (type) => type !== 1;
