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

/** May moderate the room: end the call, add people. */
export const moderates = (type) => type === 1 || type === 2 || type === 6;

/** May record: guest moderators may not. */
export const mayRecord = (type) => type === 1 || type === 2;
