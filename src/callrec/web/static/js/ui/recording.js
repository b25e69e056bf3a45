/** The recording: its state for everybody, its buttons for moderators. */

import { active, AUDIO, idle, running, VIDEO, words } from "../logic/recording.js";
import { mayRecord } from "../logic/roles.js";
import { html } from "./html.js";

/** For everybody. A live region that stays, so that changes are read out. `lost`: nobody tells us the state. */
export function RecordingState({ recording, lost }) {
  const status = recording.status.value;
  const unsure = lost && active(status);
  const looks = running(status) && !unsure ? " on" : active(status) ? " starting" : "";
  return html`
    <span role="status" class=${`recording${looks}`}>${unsure ? "Reconnecting …" : words(status)}</span>
  `;
}

/** For moderators; a recording is begun in the call, and can be stopped from outside. */
export function RecordingButtons({ conversation, viewer, inCall }) {
  const { recording } = conversation;
  if (!viewer?.canRecord || !mayRecord(conversation.room.value.participantType)) return null;
  const status = recording.status.value;
  const busy = recording.busy.value;
  return html`
    ${inCall &&
    idle(status) &&
    html`
      <button disabled=${busy} onClick=${() => recording.start(VIDEO)}>Record video</button>
      <button disabled=${busy} onClick=${() => recording.start(AUDIO)}>Record audio</button>
    `}
    ${active(status) && html`<button disabled=${busy} onClick=${() => recording.stop()}>Stop recording</button>`}
  `;
}
