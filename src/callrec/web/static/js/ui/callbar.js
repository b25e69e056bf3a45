/** The buttons of a call. */

import { moderates } from "../logic/roles.js";
import { html } from "./html.js";
import { RecordingButtons } from "./recording.js";

function Controls({ call, moderator }) {
  const microphone = call.microphone.value;
  const camera = call.camera.value;
  return html`
    <button onClick=${() => call.toggleMicrophone()}>
      ${microphone ? "Mute microphone" : "Unmute microphone"}
    </button>
    <button onClick=${() => call.toggleCamera()}>
      ${camera ? "Turn camera off" : "Turn camera on"}
    </button>
    <button class="danger" onClick=${() => call.leave()}>Leave call</button>
    ${moderator &&
    html`<button class="danger pale" onClick=${() => call.leave({ all: true })}>End call for everyone</button>`}
  `;
}

function Consent({ agreed }) {
  const change = (event) => (agreed.value = event.currentTarget.checked);
  return html`
    <label class="consent">
      <input type="checkbox" checked=${agreed.value} onChange=${change} /> I agree that this call may be recorded
    </label>
  `;
}

/** Before the call. */
export function CallEntry({ conversation }) {
  const { call } = conversation;
  const joining = call.state.value === "joining";
  const { hasCall, recordingConsent } = conversation.room.value;
  const label = hasCall ? "Join call" : "Start call";
  const asked = recordingConsent === 1;
  const ready = conversation.online.value && !joining && (!asked || call.agreed.value);
  return html`
    ${asked && html`<${Consent} agreed=${call.agreed} />`}
    <button class="primary" disabled=${!ready} onClick=${() => call.join()}>
      ${joining ? "Joining …" : label}
    </button>
  `;
}

/** In the call. */
export function CallBar({ conversation, viewer }) {
  const { call } = conversation;
  return html`
    <div class="callbar">
      <${Controls} call=${call} moderator=${moderates(conversation.room.value.participantType)} />
      <span class="grow"></span>
      <${RecordingButtons} conversation=${conversation} viewer=${viewer} inCall=${true} />
    </div>
  `;
}
