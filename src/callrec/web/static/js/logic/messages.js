/** What to show for a chat message. Pure. */

const PLACEHOLDER = /\{([a-z0-9-]+)\}/gi;
const DELETION = "message_deleted";

/** Kind of player for a media type: "video", "audio" or "" (a link). */
export function playerKind(mimetype) {
  return /^(video|audio)\//.exec(mimetype ?? "")?.[1] ?? "";
}

const EXTENSIONS = {
  ".mp4": "video",
  ".webm": "video",
  ".ogg": "audio",
  ".mp3": "audio",
  ".m4a": "audio",
  ".wav": "audio",
};

/** Kind of player for a file of unknown media type, by its name. */
export function playerKindByName(name) {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : (EXTENSIONS[name.slice(dot).toLowerCase()] ?? "");
}

/**
 * The message text cut into parts: {kind: "text", text}, {kind: "mention", text} or {kind: "file", file}.
 * A placeholder without parameter stays as it is written.
 */
export function parts(template, parameters) {
  const result = [];
  let end = 0;
  const text = (piece) => piece && result.push({ kind: "text", text: piece });
  for (const found of template.matchAll(PLACEHOLDER)) {
    const parameter = Object.hasOwn(parameters ?? {}, found[1]) ? parameters[found[1]] : null;
    if (!parameter) continue;
    text(template.slice(end, found.index));
    result.push(
      parameter.type === "file"
        ? { kind: "file", file: parameter }
        : { kind: "mention", text: parameter.name || "Guest" },
    );
    end = found.index + found[0].length;
  }
  text(template.slice(end));
  return result;
}

/**
 * Add messages to a list ordered by id, each id once; a later form of a message replaces the earlier. The news that a
 * message was deleted is no line of its own: it changes that message, and what quotes it.
 */
export function merged(list, added) {
  const byId = new Map(list.map((message) => [message.id, message]));
  for (const message of [...added].sort((a, b) => a.id - b.id)) {
    if (message.systemMessage === DELETION) remove(byId, message.parent);
    else byId.set(message.id, message);
  }
  return [...byId.values()].sort((a, b) => a.id - b.id);
}

function remove(byId, deleted) {
  if (!deleted) return;
  if (byId.has(deleted.id)) byId.set(deleted.id, deleted);
  for (const message of byId.values()) {
    if (message.parent?.id === deleted.id) byId.set(message.id, { ...message, parent: deleted });
  }
}

/** The message was taken back: its text says so. */
export const isDeleted = (message) => message.deleted === true;

/** A message in one line, for a quotation: {by, text}; `by` is empty where there is nothing left to quote. */
export function quoted(message) {
  if (isDeleted(message)) return { by: "", text: "Message deleted" };
  const words = parts(message.message, message.messageParameters).map((part) => part.text ?? part.file.name);
  return { by: author(message), text: words.join("").replace(/\s+/g, " ").trim() };
}

/** Name of a message's author. */
export const author = (message) =>
  message.actorDisplayName || (message.actorType === "guests" ? "Guest" : message.actorId);

/** Percent-encoded path, slashes kept, without leading slash. */
export const encodedPath = (path) => path.split("/").filter(Boolean).map(encodeURIComponent).join("/");
