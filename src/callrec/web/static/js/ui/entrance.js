/** Before a conversation: its password, and its lobby. */

import { passwordSentence } from "../logic/sentences.js";
import { moment } from "../logic/times.js";
import { html, useLayoutEffect, useRef } from "./html.js";
import { useRequests } from "./problem.js";

export function PasswordQuestion({ conversation }) {
  const field = useRef(null);
  const [carryOut, problem, busy] = useRequests(passwordSentence);
  useLayoutEffect(() => field.current.focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    if (!(await carryOut(() => conversation.unlock(field.current.value)))) field.current?.select();
  };
  return html`
    <div class="door">
      <div class="card">
        <h1>This conversation has a password</h1>
        <form onSubmit=${submit}>
          <label>
            Password of the conversation
            <input ref=${field} type="password" autocomplete="off" required />
          </label>
          ${problem && html`<p class="problem" role="alert">${problem}</p>`}
          <button class="primary" disabled=${busy}>Come in</button>
        </form>
      </div>
    </div>
  `;
}

export function LobbyView({ room }) {
  return html`
    <div class="door">
      <div class="card" role="status">
        <h2>You are in the lobby</h2>
        <p>
          ${room.lobbyTimer > 0
            ? `The conversation opens on ${moment(room.lobbyTimer)}, or when a moderator lets you in.`
            : "A moderator will let you in."}${" "}You do not have to do anything.
        </p>
      </div>
    </div>
  `;
}
