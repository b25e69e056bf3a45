/** What states, times and sizes are called. Pure. */

export const FILTERS = [
  { name: "All", takes: () => true },
  { name: "Trouble", takes: (r) => ["damaged", "parked", "failed"].includes(r.state) || r.attempts > 0 },
  { name: "Recording", takes: (r) => ["accepted", "joining", "capturing"].includes(r.state) },
  { name: "On the way", takes: (r) => ["reporting", "finishing", "uploading", "delivered"].includes(r.state) },
  { name: "Parked", takes: (r) => r.state === "parked" },
  { name: "Kept", takes: (r) => r.state === "retained" || r.state === "failed" },
];

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function size(bytes) {
  if (bytes === null) return "";
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** A length of time in two units at most. */
export function length(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const age = (r, now) => length(now - r.accepted_at).replace(/ \d+ (s|min)$/, "");

export function where(r) {
  if (r.state === "damaged") return "its manifest cannot be read: whose it is, nobody can tell (runbook)";
  const backend = r.backend.replace(/^https?:\/\//, "");
  const at = r.at === null ? "" : `, at the recorder ${r.at}, which is gone`;
  return `${r.token} at ${backend}${r.owner ? `, for ${r.owner}` : ""}${at}`;
}

/** How much is done of what is being done, for a bar; null where nothing is. */
export function share(r) {
  if (r.sent_bytes !== null) return { done: r.sent_bytes, all: r.sent_of_bytes };
  if (r.composed_s !== null && r.film_bytes === null) return { done: r.composed_s, all: r.film_s };
  return null;
}

export function progress(r) {
  if (r.sent_bytes !== null) return `${size(r.sent_bytes)} sent`;
  if (r.chunks === null) return "";
  if (r.film_bytes !== null) return "film composed";
  return `${r.composed_s === null ? "–" : length(r.composed_s)} composed`;
}

export function film(r) {
  if (r.sent_bytes !== null) return `of ${size(r.sent_of_bytes)}, ${length(r.film_s)}`;
  if (r.chunks !== null && r.film_bytes === null) return `of ${length(r.film_s)}`;
  const parts = [];
  if (r.film_s > 0) parts.push(length(r.film_s));
  if (r.film_bytes !== null) parts.push(size(r.film_bytes));
  return parts.join(", ");
}

export function matter(r) {
  const parts = [];
  if (r.error) parts.push(r.error);
  else if (r.state === "failed" && r.cause) parts.push(r.cause);
  if (r.attempts > 0) parts.push(`failed ${r.attempts} ${r.attempts === 1 ? "time" : "times"}`);
  if (r.state === "parked" && r.parked_from) parts.push(`while ${r.parked_from}`);
  return parts.join(", ");
}

export function next(r, now) {
  if (r.attempt_since !== null) {
    return `${r.attempts > 0 ? "tried again" : r.state} now, for ${length(now - r.attempt_since)}`;
  }
  if (r.next_attempt_at === null) return "";
  const left = r.next_attempt_at - now;
  return left <= 0 ? "tried again now" : `tried again in ${length(left)}`;
}

/** What a person should know before a recording is deleted. */
export function question(r) {
  let fate = "It is not delivered: nobody will ever see it.";
  if (r.state === "damaged") {
    fate =
      "Its manifest cannot be read: nobody can tell whether it was delivered, and this may be the only copy. " +
      `“callrec recordings export ${r.id} PATH --folder” keeps what is there.`;
  } else if (["accepted", "joining", "capturing"].includes(r.state)) {
    fate = "It was told to end, and has not: its capture is broken off, and the room is told that it failed.";
  } else if (r.delivered_at !== null) fate = "It is delivered; its tracks can then not be composed again.";
  else if (r.sent_bytes !== null) fate = "It is being sent: that is broken off, unless the backend has just taken it.";
  return `Delete ${r.file_name} (${r.id}) for good? ${fate}`;
}

/** What a person should know before what runs is broken off, to begin again; nothing where nothing runs. */
export function doubt(r) {
  if (r.attempt_since === null) return "";
  const kept = { finishing: "Finished chunks stay.", uploading: "In chunks it goes on behind the last whole one; else from the beginning." };
  return `${r.file_name} (${r.id}) is being tried at this moment. Break that off, and begin again? ${kept[r.state] ?? ""}`.trimEnd();
}

/** What became of one that was deleted, where that may be news. */
export function fate(r, { delivered }) {
  if (r.state === "damaged") return "";
  if (delivered === null) return `${r.file_name} is deleted here. The backend may have it: all was sent, and it did not answer.`;
  if (delivered && r.delivered_at === null) return `${r.file_name} is deleted here. The backend had just taken it: it is delivered.`;
  return "";
}
