/** Below a film: who speaks when, one row for each, and the chapters. All of it leads to its place in the film. */

import {
  chapterAt,
  lastMs,
  nextSpell,
  outline,
  previousSpell,
  shownSpeaker,
  speaksAt,
  spokenMs,
} from "../logic/speakers.js";
import { position } from "../logic/times.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./html.js";

/** Units across a row: finer than its pixels. */
const WIDTH = 2000;
/** Who goes back shortly after somebody began goes to the time before. */
const BACK_MARGIN_MS = 2000;

/** Where the film stands, and how long it is (null until known), in ms. */
function usePlayback(media) {
  const [state, setState] = useState({ nowMs: 0, durationMs: null });
  useEffect(() => {
    const film = media.current;
    const follow = () =>
      setState({
        nowMs: film.currentTime * 1000,
        durationMs: Number.isFinite(film.duration) ? film.duration * 1000 : null,
      });
    const events = ["timeupdate", "seeking", "durationchange"];
    for (const name of events) film.addEventListener(name, follow);
    follow();
    return () => {
      for (const name of events) film.removeEventListener(name, follow);
    };
  }, []);
  return state;
}

function Row({ speaker, nowMs, durationMs, seek }) {
  const { spellsMs, hue } = speaker;
  const name = shownSpeaker(speaker);
  const path = useMemo(() => outline(spellsMs, durationMs, WIDTH), [spellsMs, durationMs]);
  const onKeyDown = (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    const back = event.key === "ArrowLeft";
    seek(back ? previousSpell(spellsMs, nowMs, BACK_MARGIN_MS) : nextSpell(spellsMs, nowMs));
  };
  const onClick = (event) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    seek(((event.clientX - left) / width) * durationMs);
  };
  return html`
    <li style=${{ "--hue": hue }}>
      <button
        class="speaker"
        aria-current=${speaksAt(spellsMs, nowMs) ? "true" : undefined}
        title=${`${name} speaks for ${position(spokenMs(spellsMs))}. Press for the next time, or ← and →.`}
        onClick=${() => seek(nextSpell(spellsMs, nowMs))}
        onKeyDown=${onKeyDown}
      >
        <bdi>${name}</bdi>
      </button>
      <span class="spells" onClick=${onClick}>
        <svg viewBox=${`0 0 ${WIDTH} 1`} preserveAspectRatio="none" aria-hidden="true"><path d=${path} /></svg>
      </span>
    </li>
  `;
}

function Chapters({ chapters, nowMs, seek }) {
  const here = chapterAt(chapters, nowMs);
  const list = useRef(null);
  useLayoutEffect(() => {
    const { children, scrollTop, clientHeight } = list.current;
    const item = children[here];
    if (!item) return;
    const [topPx, endPx] = [item.offsetTop, item.offsetTop + item.offsetHeight];
    if (topPx < scrollTop || endPx > scrollTop + clientHeight) list.current.scrollTop = topPx;
  }, [here]);
  return html`
    <ol ref=${list} class="chapters" aria-label="Chapters">
      ${chapters.map(
        ({ fromMs, title }, number) => html`
          <li>
            <button class="chapter" aria-current=${number === here ? "true" : undefined} onClick=${() => seek(fromMs)}>
              <small>${position(fromMs)}</small> <bdi>${title}</bdi>
            </button>
          </li>
        `,
      )}
    </ol>
  `;
}

/** `told` is what the server tells of the film that plays in the element `media` (a ref). */
export function Speakers({ told, media }) {
  const { nowMs, durationMs } = usePlayback(media);
  const wholeMs = durationMs || lastMs(told);
  const seek = (ms) => (media.current.currentTime = Math.min(ms, wholeMs) / 1000);
  return html`
    <section class="timeline" aria-label="Who speaks when" style=${{ "--now": Math.min(1, nowMs / wholeMs) }}>
      <ol class="speakers" aria-label="Speakers">
        ${told.speakers.map(
          (speaker) => html`<${Row} speaker=${speaker} nowMs=${nowMs} durationMs=${wholeMs} seek=${seek} />`,
        )}
      </ol>
      ${told.chapters.length > 1 && html`<${Chapters} chapters=${told.chapters} nowMs=${nowMs} seek=${seek} />`}
    </section>
  `;
}
