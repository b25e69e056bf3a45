/** A file in its player, or as a link. */

import { ownUrl } from "../base.js";
import { playerKind, playerKindByName } from "../logic/messages.js";
import { fileUrl } from "../net/files.js";
import { html } from "./html.js";

/** Where `viewer` (a user, or null for a guest) reads the file of a message parameter. */
export function address(file, viewer) {
  if (viewer) return fileUrl(viewer.id, file.path);
  const share = file.link && ownUrl(file.link, "index.php/s/");
  return share && `${share}/download`;
}

/** "video", "audio", or "" for what has no player, such as a transcript. */
export const kindOf = (file) => playerKind(file.mimetype) || playerKindByName(file.name);

export function Player({ file, viewer }) {
  const source = address(file, viewer);
  if (!source) return html`<span>${file.name}</span>`;
  const kind = kindOf(file);
  return html`
    <figure class="player">
      ${kind === "video" && html`<video controls playsinline preload="metadata" src=${source}></video>`}
      ${kind === "audio" && html`<audio controls preload="metadata" src=${source}></audio>`}
      <figcaption><a href=${source} download=${file.name}>${file.name}</a></figcaption>
    </figure>
  `;
}
