/** What moderators set about a conversation. What is ticked counts at once; what is typed, when it is saved. */

import { sentence, settingSentence } from "../logic/sentences.js";
import { moment } from "../logic/times.js";
import * as talk from "../net/talk.js";
import { html, useId, useState } from "./html.js";
import { useRequests } from "./problem.js";

const MAX_NAME = 255;
const MAX_PASSWORD = 469;
const PUBLIC = 3;

/** `change(request, ...given)` carries out a change of the setting: [change, problem, busy]. */
function useChange(conversation, setting) {
  const [carryOut, problem, busy] = useRequests((error) => settingSentence(error, setting));
  return [(...request) => carryOut(() => conversation.change(...request)), problem, busy];
}

const Problem = ({ text }) => text && html`<p class="problem" role="alert">${text}</p>`;

function Name({ conversation }) {
  const { name } = conversation.room.value;
  const [typed, setTyped] = useState(null);
  const [change, problem, busy] = useChange(conversation, "name");
  const save = async (event) => {
    event.preventDefault();
    if (await change(talk.rename, typed.trim())) setTyped(null);
  };
  const changed = typed !== null && typed.trim() !== name;
  return html`
    <form onSubmit=${save}>
      <label>
        Name
        <input
          maxlength=${MAX_NAME}
          required
          value=${typed ?? name}
          onInput=${(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      <${Problem} text=${problem} />
      ${changed &&
      html`
        <div class="row">
          <button class="primary" disabled=${busy}>Save name</button>
          <button type="button" class="quiet" onClick=${() => setTyped(null)}>Cancel</button>
        </div>
      `}
    </form>
  `;
}

/** Shows what was asked for, then what the server says. Not disabled meanwhile: it would lose the focus. */
function Switch({ conversation, setting, on, request, label, hint }) {
  const hintId = useId();
  const [change, problem, busy] = useChange(conversation, setting);
  const [wanted, setWanted] = useState(null);
  const toggle = async (event) => {
    if (busy) return;
    setWanted(event.currentTarget.checked);
    await change(request, event.currentTarget.checked);
    setWanted(null);
  };
  return html`
    <div>
      <label class="check">
        <input type="checkbox" checked=${wanted ?? on} aria-describedby=${hintId} onChange=${toggle} /> ${label}
      </label>
      <p class="hint" id=${hintId}>${hint}</p>
      <${Problem} text=${problem} />
    </div>
  `;
}

function Password({ conversation }) {
  const { hasPassword } = conversation.room.value;
  const [typed, setTyped] = useState("");
  const [change, problem, busy] = useChange(conversation, "password");
  const set = async (event) => {
    event.preventDefault();
    if (await change(talk.setPassword, typed)) setTyped("");
  };
  return html`
    <form onSubmit=${set}>
      <label>
        ${hasPassword ? "New password" : "Password for those who come by the link"}
        <input
          type="password"
          autocomplete="new-password"
          maxlength=${MAX_PASSWORD}
          required
          value=${typed}
          onInput=${(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      <${Problem} text=${problem} />
      <div class="row">
        <button disabled=${busy || !typed}>${hasPassword ? "Change password" : "Set password"}</button>
        ${hasPassword &&
        html`
          <button type="button" class="quiet danger" disabled=${busy} onClick=${() => change(talk.setPassword, "")}>
            Remove password
          </button>
        `}
      </div>
    </form>
  `;
}

/** For those who are not in the call; in it there is a button at hand. */
function EndCall({ conversation }) {
  const [carryOut, problem, busy] = useRequests(sentence);
  const end = async () => {
    await talk.leaveCall(conversation.token, true);
    conversation.refresh();
  };
  return html`
    <div>
      <button class="danger pale" disabled=${busy} onClick=${() => carryOut(end)}>End call for everyone</button>
      <${Problem} text=${problem} />
    </div>
  `;
}

function lobbyHint({ lobbyState, lobbyTimer }) {
  const opens = lobbyState === 1 && lobbyTimer > 0 ? ` It opens by itself on ${moment(lobbyTimer)}.` : "";
  return `All but moderators wait until the lobby is opened, or until they are let in one by one.${opens}`;
}

export function SettingsView({ conversation, viewer }) {
  const room = conversation.room.value;
  const open = room.type === PUBLIC;
  return html`
    <section class="settings" aria-label="Settings">
      <${Name} conversation=${conversation} />
      <${Switch}
        conversation=${conversation}
        setting="link"
        on=${open}
        request=${talk.setOpenByLink}
        label="Allow guests by link"
        hint=${open
          ? "Without it, guests and all others who came by the link are put out, and the password is forgotten."
          : "Only people who were added can come in."}
      />
      ${open && html`<${Password} conversation=${conversation} />`}
      <${Switch}
        conversation=${conversation}
        setting="lobby"
        on=${room.lobbyState === 1}
        request=${talk.setLobby}
        label="Lobby"
        hint=${lobbyHint(room)}
      />
      ${viewer.roomsDecideOnConsent &&
      html`
        <${Switch}
          conversation=${conversation}
          setting="consent"
          on=${room.recordingConsent === 1}
          request=${talk.setRecordingConsent}
          label="Ask for consent to recording"
          hint="Whoever joins a call has to agree first that it may be recorded."
        />
      `}
      ${room.hasCall && !conversation.inCall() && html`<${EndCall} conversation=${conversation} />`}
    </section>
  `;
}
