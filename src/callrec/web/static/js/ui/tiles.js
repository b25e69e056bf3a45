/** The people of a call, one tile each. */

import { html, useLayoutEffect, useRef } from "./html.js";

const MANY = 4;

const MicrophoneOff = () => html`
  <svg class="muted" viewBox="0 0 24 24" role="img" aria-label="Microphone off">
    <path d="M9 5a3 3 0 0 1 6 0v5m-6 0v2a3 3 0 0 0 4 2.8M6 11v1a6 6 0 0 0 9 5.2M18 11v1l-.2 1.6M12 18v3M4 4l16 16" />
  </svg>
`;

const initials = (name) =>
  name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => [...word][0] ?? "")
    .join("")
    .toUpperCase();

/** One tile. `silent`: its sound is not played here. */
export function Tile({ tile, silent = tile.own }) {
  const video = useRef(null);
  useLayoutEffect(() => {
    if (video.current.srcObject !== tile.stream) video.current.srcObject = tile.stream;
  }, [tile.stream]);
  const shown = tile.video && tile.stream;
  return html`
    <div class=${`tile${tile.own ? " own" : ""}${shown ? "" : " dark"}`} data-name=${tile.name}>
      <video ref=${video} autoplay playsinline muted=${silent}></video>
      ${!shown && html`<span class="initials" aria-hidden="true">${initials(tile.name)}</span>`}
      <span class="name">
        ${!tile.audio && html`<${MicrophoneOff} />`}
        <span>${tile.name}${tile.own ? " (you)" : ""}</span>
      </span>
      ${!tile.connected && shown && html`<span class="waiting">Connecting …</span>`}
    </div>
  `;
}

export function Tiles({ tiles }) {
  return html`
    <div class="tiles-room">
      <div class=${`tiles n${tiles.length > MANY ? "many" : tiles.length}`}>
        ${tiles.map((tile) => html`<${Tile} key=${tile.id} tile=${tile} />`)}
      </div>
    </div>
  `;
}
