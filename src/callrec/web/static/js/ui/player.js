/** A file in its player, or as a link. */

import { ownUrl } from "../base.js";
import { playerKind, playerKindByName } from "../logic/messages.js";
import { fileUrl } from "../net/files.js";
import * as talk from "../net/talk.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { Speakers } from "./speakers.js";

const SHARES = "index.php/s/";

/** Where `viewer` (a user, or null for a guest) reads the file of a message parameter. */
export function address(file, viewer) {
  if (viewer) return fileUrl(viewer.id, file.path);
  const share = file.link && ownUrl(file.link, SHARES);
  return share && `${share}/download`;
}

/** "video", "audio", or "" for what has no player, such as a transcript. */
export const kindOf = (file) => playerKind(file.mimetype) || playerKindByName(file.name);

/** Who speaks when in a film; null until known, and where that is unknown. */
function useSpeakers(file, viewer, wanted) {
  const [told, setTold] = useState(null);
  useEffect(() => {
    if (!wanted) return undefined;
    let here = true;
    const asked = viewer ? talk.speakersOfFile(file.id) : talk.speakersOfShare(file.link.split(SHARES).pop());
    asked.then(
      (answer) => here && setTold(answer),
      (error) => console.warn("speakers:", error.message), // the film plays without them
    );
    return () => (here = false);
  }, [file.id, file.link, viewer?.id, wanted]);
  return told?.speakers.length ? told : null;
}

export function Player({ file, viewer }) {
  const source = address(file, viewer);
  const kind = source ? kindOf(file) : "";
  const media = useRef(null);
  const told = useSpeakers(file, viewer, kind !== "");
  if (!source) return html`<span>${file.name}</span>`;
  return html`
    <figure class="player">
      ${kind === "video" && html`<video ref=${media} controls playsinline preload="metadata" src=${source}></video>`}
      ${kind === "audio" && html`<audio ref=${media} controls preload="metadata" src=${source}></audio>`}
      ${told && html`<${Speakers} told=${told} media=${media} />`}
      <figcaption><a href=${source} download=${file.name}>${file.name}</a></figcaption>
    </figure>
  `;
}
