/** The recording state of a room: number (docs/wire.md, Constants) to words. Pure. */

export const OFF = 0;
export const VIDEO = 1;
export const AUDIO = 2;
const FAILED = 5;

const WORDS = [
  "",
  "Recording video",
  "Recording audio",
  "Recording is starting",
  "Recording is starting",
  "Recording failed",
];

export const words = (status) => WORDS[status] ?? "";

/** A recording runs or is starting, so it can be stopped. */
export const active = (status) => status >= VIDEO && status < FAILED;

/** Media is being recorded now. */
export const running = (status) => status === VIDEO || status === AUDIO;

/** A new recording may be started. */
export const idle = (status) => status === OFF || status === FAILED;
