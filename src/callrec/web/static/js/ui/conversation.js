/** An open conversation: head, call, chat and people. */

import { invitationLink } from "../base.js";
import { reopen } from "../model/current.js";
import { go } from "../model/place.js";
import { CallBar, CallEntry } from "./callbar.js";
import { ChatView } from "./chat.js";
import { html, useState } from "./html.js";
import { PeopleView } from "./people.js";
import { RecordingButtons, RecordingState } from "./recording.js";
import { Tiles } from "./tiles.js";

function InvitationLink({ token }) {
  const [copied, setCopied] = useState(null);
  const link = invitationLink(token);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
      setCopied(true);
    } catch (error) {
      console.warn("clipboard:", error.message); // none over plain http: show it to be copied by hand
      setCopied(false);
    }
  };
  if (copied === false) {
    const select = (event) => event.currentTarget.select();
    return html`<input class="address" aria-label="Invitation link" readonly value=${link} onFocus=${select} />`;
  }
  return html`<button class="quiet" onClick=${copy}>${copied ? "Link copied" : "Copy invitation link"}</button>`;
}

const Back = () => html`
  <button class="quiet back" aria-label="Back to the list" onClick=${() => go(null)}>‹</button>
`;

function Closed({ reason }) {
  return html`
    <div class="empty">
      <p role="alert">${reason}</p>
      <button onClick=${reopen}>Open it here</button>
    </div>
  `;
}

function Side({ conversation, viewer }) {
  const [people, setPeople] = useState(false);
  const tab = (label, shows) => html`
    <button role="tab" aria-selected=${people === shows} onClick=${() => setPeople(shows)}>${label}</button>
  `;
  return html`
    <aside>
      ${viewer && html`<div class="tabs" role="tablist">${tab("Chat", false)} ${tab("People", true)}</div>`}
      ${people && viewer
        ? html`<${PeopleView} conversation=${conversation} viewer=${viewer} />`
        : html`<${ChatView} chat=${conversation.chat} viewer=${viewer} />`}
    </aside>
  `;
}

function Notices({ conversation }) {
  const { call, recording } = conversation;
  return html`
    ${!conversation.online.value && html`<p class="notice">Connecting …</p>`}
    ${[call.notice, recording.problem].map(
      (notice) =>
        notice.value &&
        html`
          <p class="notice" role="alert">
            <span class="grow">${notice.value}</span>
            <button class="quiet" onClick=${() => (notice.value = "")}>Close</button>
          </p>
        `,
    )}
  `;
}

export function ConversationView({ conversation, viewer }) {
  const room = conversation.room.value;
  if (conversation.closedBecause.value) return html`<${Closed} reason=${conversation.closedBecause.value} />`;
  if (!room) return html`<div class="empty"><p>Opening …</p></div>`;
  const inCall = conversation.call.state.value === "in";
  return html`
    <article class=${`conversation${inCall ? " in-call" : ""}`}>
      <div class="head">
        ${viewer && html`<${Back} />`}
        <h1>${room.displayName}</h1>
        <${RecordingState} recording=${conversation.recording} />
        <span class="grow"></span>
        ${viewer && html`<${InvitationLink} token=${conversation.token} />`}
        ${!inCall &&
        html`
          <${RecordingButtons} conversation=${conversation} viewer=${viewer} inCall=${false} />
          <${CallEntry} conversation=${conversation} />
        `}
      </div>
      <${Notices} conversation=${conversation} />
      <div class="body">
        ${inCall &&
        html`
          <section class="stage" aria-label="Call">
            <${Tiles} tiles=${conversation.call.tiles.value} />
            <${CallBar} conversation=${conversation} viewer=${viewer} />
          </section>
        `}
        <${Side} conversation=${conversation} viewer=${viewer} />
      </div>
    </article>
  `;
}
