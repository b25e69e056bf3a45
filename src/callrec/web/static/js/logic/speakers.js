/** Who speaks when in a film, as its player shows it. Pure; spells are [from, to] in ms of the film, in order. */

const UNNAMED = "Guest";

/** Name of somebody who may have given none. */
export const shownSpeaker = (speaker) => speaker.name || UNNAMED;

/** When the last of the spells and chapters is over: how long a film is at least. */
export function lastMs({ speakers, chapters }) {
  const ends = speakers.map(({ spellsMs }) => spellsMs.at(-1)[1]);
  return Math.max(0, ...ends, ...chapters.map(({ fromMs }) => fromMs));
}

/** The spells as the outline of an SVG path, in a row of `width` by 1; none is thinner than one unit. */
export function outline(spellsMs, durationMs, width) {
  let path = "";
  let drawnTo = -1;
  for (const [from, to] of spellsMs) {
    const left = Math.max(drawnTo, Math.round((from / durationMs) * width));
    const right = Math.min(width, Math.max(Math.round((to / durationMs) * width), left + 1));
    if (right <= left) continue; // it lies in what is drawn already
    path += `M${left} 0H${right}V1H${left}Z`;
    drawnTo = right;
  }
  return path;
}

/** Somebody with these spells speaks at that moment. */
export const speaksAt = (spellsMs, ms) => spellsMs.some(([from, to]) => from <= ms && ms < to);

/** Where somebody begins to speak next; after the last time the first. */
export const nextSpell = (spellsMs, ms) => (spellsMs.find(([from]) => from > ms) ?? spellsMs[0])[0];

/** Where somebody began to speak last, `marginMs` ago at least; before the first time the last. */
export const previousSpell = (spellsMs, ms, marginMs) =>
  (spellsMs.findLast(([from]) => from < ms - marginMs) ?? spellsMs.at(-1))[0];

/** Number of the chapter at that moment; -1 before the first. */
export const chapterAt = (chapters, ms) => chapters.findLastIndex(({ fromMs }) => fromMs <= ms);

/** All that somebody speaks. */
export const spokenMs = (spellsMs) => spellsMs.reduce((sum, [from, to]) => sum + to - from, 0);
