/** How tiles fill a window. Pure. */

const ASPECT = 16 / 9;

/** Widest tile of the shape 16:9 with so many in a row, in pixels. */
function widest(count, columns, { width, height, gap }) {
  const rows = Math.ceil(count / columns);
  const byWidth = (width - gap * (columns + 1)) / columns;
  const byHeight = ((height - gap * (rows + 1)) / rows) * ASPECT;
  return Math.max(1, Math.floor(Math.min(byWidth, byHeight)));
}

/**
 * The largest equal tiles for `count` people in a window of {width, height} pixels: {columns, width, height}. One alone
 * has all of it. `gap` is the space between tiles and around them.
 */
export function grid(count, { width, height, gap }) {
  if (count <= 1) return { columns: 1, width, height };
  let best = { columns: 0, width: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const tile = widest(count, columns, { width, height, gap });
    if (tile >= best.width) best = { columns, width: tile };
  }
  return { ...best, height: Math.floor(best.width / ASPECT) };
}
