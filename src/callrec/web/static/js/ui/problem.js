/** Why something failed, as a component shows it. */

import { UNREACHABLE } from "../logic/sentences.js";
import { reachable } from "../net/ocs.js";
import { useEffect, useState } from "./html.js";

/** Calls `look()` whenever the server is reached again. */
export function useReturn(look) {
  const back = reachable.value;
  useEffect(() => {
    if (back) look();
  }, [back]);
}

/** State for a sentence, "" for none. That the server cannot be reached is forgotten when it is reached again. */
export function useProblem() {
  const [problem, setProblem] = useState("");
  useReturn(() => setProblem((sentence) => (sentence === UNREACHABLE ? "" : sentence)));
  return [problem, setProblem];
}
