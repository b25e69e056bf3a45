/** The user's recordings, to be found again after their notification has gone. */

import { sentence } from "../logic/sentences.js";
import { size } from "../logic/sizes.js";
import { moment } from "../logic/times.js";
import { notifications } from "../model/notifications.js";
import { loadRecordings, recordings } from "../model/recordings.js";
import { html, useEffect, useState } from "./html.js";
import { address, kindOf, Player } from "./player.js";
import { useProblem } from "./problem.js";

function Recording({ file, user }) {
  const [playing, setPlaying] = useState(false);
  return html`
    <li>
      ${playing ? html`<${Player} file=${file} viewer=${user} />` : html`<span>${file.name}</span>`}
      <small>${moment(file.modified)}, ${size(file.sizeBytes)}</small>
      <span class="row">
        ${kindOf(file) &&
        html`
          <button class="quiet" onClick=${() => setPlaying(!playing)}>${playing ? "Close player" : "Play"}</button>
        `}
        <a href=${address(file, user)} download=${file.name}>Download</a>
      </span>
    </li>
  `;
}

export function RecordingList({ user, onDone }) {
  const [problem, setProblem] = useProblem();
  useEffect(() => {
    loadRecordings(user.id).then(
      () => setProblem(""),
      (error) => setProblem(sentence(error)),
    );
  }, [notifications.value]); // a new recording is told by one
  const list = recordings.value;
  return html`
    <section class="recordings" aria-label="Recordings">
      <button class="wide" onClick=${onDone}>Back to conversations</button>
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      <ul>
        ${(list ?? []).map((file) => html`<${Recording} key=${file.path} file=${file} user=${user} />`)}
      </ul>
      ${list?.length === 0 && html`<p class="hint">No recordings yet.</p>`}
    </section>
  `;
}
