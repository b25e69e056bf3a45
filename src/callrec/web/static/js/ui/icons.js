/** Drawn icons. They say nothing by themselves: what holds them has a name. */

import { html } from "./html.js";

const icon = (path) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${path} /></svg>`;

export const microphone = (on) =>
  icon(
    on
      ? "M9 5a3 3 0 0 1 6 0v7a3 3 0 0 1-6 0zM6 11v1a6 6 0 0 0 12 0v-1M12 18v3"
      : "M9 5a3 3 0 0 1 6 0v5m-6 0v2a3 3 0 0 0 4 2.8M6 11v1a6 6 0 0 0 9 5.2M18 11v1l-.2 1.6M12 18v3M4 4l16 16",
  );

export const camera = (on) =>
  icon(
    on
      ? "M3 7h12v10H3zM15 11l6-3v8l-6-3"
      : "M8 7h7v7M15 17H3V7h2M15 11l6-3v8l-4-2M4 4l16 16",
  );
