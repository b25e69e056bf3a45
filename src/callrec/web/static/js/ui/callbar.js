/** The buttons of a call. */

import { moderates } from "../logic/roles.js";
import { html } from "./html.js";
import { camera, microphone } from "./icons.js";
import { RecordingButtons } from "./recording.js";

/** Shows whether a device is on; its name says what pressing it does. */
const Device = ({ on, icon, name, onClick }) => html`
  <button class=${on ? "" : "danger pale"} aria-label=${name} title=${name} onClick=${onClick}>${icon(on)}</button>
`;

function Controls({ call, moderator }) {
  const microphoneOn = call.microphone.value;
  const cameraOn = call.camera.value;
  return html`
    <${Device}
      on=${microphoneOn}
      icon=${microphone}
      name=${microphoneOn ? "Mute microphone" : "Unmute microphone"}
      onClick=${() => call.toggleMicrophone()}
    />
    <${Device}
      on=${cameraOn}
      icon=${camera}
      name=${cameraOn ? "Turn camera off" : "Turn camera on"}
      onClick=${() => call.toggleCamera()}
    />
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
