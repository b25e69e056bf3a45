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

/**
 * Requests of a component, one at a time: [carryOut, problem, busy]. `carryOut(what)` awaits `what()` and returns
 * whether it succeeded; where not, `words(error)` is the problem.
 */
export function useRequests(words) {
  const [problem, setProblem] = useProblem();
  const [busy, setBusy] = useState(false);
  const carryOut = async (what) => {
    setBusy(true);
    setProblem("");
    try {
      await what();
      return true;
    } catch (error) {
      setProblem(words(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return [carryOut, problem, busy];
}
