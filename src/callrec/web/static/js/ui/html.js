/** The template tag of all components, and the hooks that they use. */

import htm from "../../vendor/htm.js";
import { h } from "../../vendor/preact.js";

// Importing signals makes components follow the signals that they read.
import "../../vendor/signals.js";

export const html = htm.bind(h);
export { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "../../vendor/hooks.js";
