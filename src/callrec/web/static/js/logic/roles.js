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

/** May moderate the room: set what it is like, end the call, add people and put them out. */
export const moderates = (type) => type === 1 || type === 2 || type === 6;

/** May record: guest moderators may not. */
export const mayRecord = (type) => type === 1 || type === 2;

/** May be made a moderator; may lose that role; may be removed by a moderator. */
export const promotable = (type) => type === 3 || type === 4 || type === 5;
export const demotable = (type) => type === 2 || type === 6;
export const removable = (type) => type !== 1;
