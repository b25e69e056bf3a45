/** What is recorded of a call: everybody's picture and name in the whole window, and everybody's sound. */

import { grid } from "../logic/grid.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { Tile } from "./tiles.js";

const GAP_PX = 12;

const windowSize = () => ({ width: innerWidth, height: innerHeight });

function useWindowSize() {
  const [size, setSize] = useState(windowSize);
  useEffect(() => {
    const measure = () => setSize(windowSize());
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);
  return size;
}

/** One person's sound, apart from the picture: it must not wait for one. */
function Sound({ track }) {
  const audio = useRef(null);
  useLayoutEffect(() => {
    const element = audio.current;
    element.srcObject = new MediaStream([track]);
    element.play().catch((error) => error.name === "AbortError" || console.error("sound:", error.message));
    return () => (element.srcObject = null);
  }, [track]);
  return html`<audio ref=${audio}></audio>`;
}

/** `call` is a signal that holds the call, or null. */
export function Recorded({ call }) {
  const size = useWindowSize();
  const tiles = call.value?.tiles.value ?? [];
  const { columns, width, height } = grid(tiles.length, { ...size, gap: GAP_PX });
  const style = {
    "--tile-width": `${width}px`,
    "--tile-height": `${height}px`,
    "--gap": `${GAP_PX}px`,
    width: `${columns * (width + GAP_PX) - GAP_PX}px`,
  };
  const sounds = tiles.flatMap(({ id, stream }) => (stream?.getAudioTracks() ?? []).map((track) => [id, track]));
  return html`
    <div class="recorded">
      <div class=${`grid n${tiles.length}`} style=${style}>
        ${tiles.map((tile) => html`<${Tile} key=${tile.id} tile=${tile} silent />`)}
      </div>
      ${sounds.map(([id, track]) => html`<${Sound} key=${id} track=${track} />`)}
    </div>
  `;
}
