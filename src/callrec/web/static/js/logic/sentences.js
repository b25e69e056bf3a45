/** Errors as sentences for people. Pure. */

const RECORDING = {
  config: "This server has no recording server set up.",
  call: "There is no call to record.",
  recording: "This call is already being recorded.",
  status: "This kind of recording is not known to the server.",
};

export const UNREACHABLE = "The server cannot be reached. Check the connection and try again.";

const NOT_MODERATOR = "Only moderators can do that.";

const STATUS = {
  0: UNREACHABLE,
  401: "Please sign in again.",
  403: "You are not allowed to do that.",
  404: "It is not there (any more), or you are not invited.",
  413: "That is too long.",
  429: "Too many attempts. Wait a while and try again.",
};

const fallback = (error) =>
  STATUS[error.status] ??
  (error.status >= 500 ? "The server had a problem. Try again in a moment." : error.message || "That did not work.");

/** A call that could not be joined. */
export function joinSentence(error) {
  if (error.reason === "consent") return "To join this call, agree first that it may be recorded.";
  if (error.status === 412) return "You are in the lobby. A moderator will let you in.";
  return fallback(error);
}

/** Any failed request. */
export const sentence = (error) => fallback(error);

/** A failed start or stop of a recording. */
export function recordingSentence(error) {
  if (RECORDING[error.reason]) return RECORDING[error.reason];
  if (error.status === 403) return "Only moderators can record.";
  if (error.status >= 500) return "The recording server did not answer. Try again in a moment.";
  return fallback(error);
}

/** A failed sign-in. */
export function signInSentence(error) {
  return error.status === 401 ? "User or password is wrong." : fallback(error);
}

/** A conversation that could not be opened. */
export function openSentence(error, signedIn) {
  if (error.reason === "password") return "This conversation has a password now. Open it again.";
  if (error.status === 404) {
    return signedIn
      ? "This conversation does not exist, or you are not invited."
      : "This conversation does not exist, or guests are not allowed. If you have an account, sign in.";
  }
  return fallback(error);
}

/** A password of a conversation that did not let somebody in. */
export function passwordSentence(error) {
  return error.reason === "password" ? "This is not the password of the conversation." : fallback(error);
}

const SETTING = {
  config: "This server has no recording server set up.",
  call: "Consent can be asked for only before a call.",
  event: "A calendar names this conversation. Change its name there.",
  type: "This kind of conversation cannot be changed so.",
};
const VALUE = { name: "The name must not be empty.", password: "This password is too long." };

/** A setting of a conversation, such as "name", that could not be changed. */
export function settingSentence(error, setting) {
  if (error.reason === "value" && VALUE[setting]) return VALUE[setting];
  if (SETTING[error.reason]) return SETTING[error.reason];
  return error.status === 403 ? NOT_MODERATOR : fallback(error);
}

const PERSON = {
  "new-participant": "There is no such user.",
  participant: "This person is no longer in the conversation.",
  owner: "The owner cannot be removed.",
  "last-moderator": "Somebody has to moderate this conversation.",
  "room-type": "People cannot be added or removed here.",
};

/** Somebody who could not be added, removed, or given another role. */
export function personSentence(error) {
  if (PERSON[error.reason]) return PERSON[error.reason];
  return error.status === 403 ? NOT_MODERATOR : fallback(error);
}

const DEVICE = { audio: "microphone", video: "camera" };
const CAUSES = {
  NotFoundError: (device) => `No ${device} was found.`,
  NotAllowedError: (device) => `The browser was not allowed to use the ${device}.`,
  NotReadableError: (device) => `The ${device} is in use by another program.`,
};

/**
 * Why media is missing. `problems` maps "audio" and "video" to the name of the DOMException, or is "insecure" when
 * the browser offers no devices at all.
 */
export function mediaSentence(problems) {
  if (problems === "insecure") {
    return "Browsers give camera and microphone only to pages over https or on localhost. You can listen and watch.";
  }
  const lines = Object.entries(problems).map(
    ([kind, name]) => CAUSES[name]?.(DEVICE[kind]) ?? `The ${DEVICE[kind]} could not be opened.`,
  );
  if (lines.length === 2) lines.push("You can listen and watch.");
  return lines.join(" ");
}
