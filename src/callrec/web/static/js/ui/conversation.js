/** An open conversation: head, call, chat and people. */

import { invitationLink } from "../base.js";
import { governs } from "../logic/roles.js";
import { UNREACHABLE } from "../logic/sentences.js";
import { reopen } from "../model/current.js";
import { go, goOn, stay, wish } from "../model/place.js";
import { CallBar, CallEntry } from "./callbar.js";
import { ChatView } from "./chat.js";
import { LobbyView, PasswordQuestion } from "./entrance.js";
import { html, useLayoutEffect, useRef, useState } from "./html.js";
import { PeopleView } from "./people.js";
import { useReturn } from "./problem.js";
import { RecordingButtons, RecordingState } from "./recording.js";
import { SettingsView } from "./settings.js";
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

function Closed({ conversation }) {
  const elsewhere = conversation.elsewhere.value;
  return html`
    <div class="empty">
      <p role="alert">${conversation.closedBecause.value}</p>
      <button onClick=${() => reopen({ force: elsewhere })}>${elsewhere ? "Continue here" : "Open it here"}</button>
    </div>
  `;
}

function Side({ conversation, viewer }) {
  const [chosen, choose] = useState("Chat");
  const offered = ["Chat", "People", ...(governs(conversation.room.value) ? ["Settings"] : [])];
  const shown = viewer && offered.includes(chosen) ? chosen : "Chat";
  const tab = (name) => html`
    <button role="tab" aria-selected=${name === shown} onClick=${() => choose(name)}>${name}</button>
  `;
  return html`
    <aside>
      ${viewer && html`<div class="tabs" role="tablist">${offered.map(tab)}</div>`}
      ${shown === "Chat" && html`<${ChatView} chat=${conversation.chat} viewer=${viewer} />`}
      ${shown === "People" && html`<${PeopleView} conversation=${conversation} viewer=${viewer} />`}
      ${shown === "Settings" && html`<${SettingsView} conversation=${conversation} viewer=${viewer} />`}
    </aside>
  `;
}

/** Somebody in the call wants to go elsewhere on this page. */
function LeaveQuestion() {
  const first = useRef(null);
  useLayoutEffect(() => {
    first.current.focus();
    return stay;
  }, []);
  return html`
    <div
      class="notice"
      role="alertdialog"
      aria-labelledby="leave-question"
      onKeyDown=${(event) => event.key === "Escape" && stay()}
    >
      <span id="leave-question" class="grow">You are in a call. Leave it?</span>
      <span class="row">
        <button ref=${first} onClick=${stay}>Stay in the call</button>
        <button class="danger pale" onClick=${goOn}>Leave the call</button>
      </span>
    </div>
  `;
}

function Notices({ conversation }) {
  const { call, recording, online } = conversation;
  const notices = [call.notice, recording.problem];
  useReturn(() => {
    for (const notice of notices) if (notice.peek() === UNREACHABLE) notice.value = "";
  });
  return html`
    ${wish.value && conversation.inCall() && html`<${LeaveQuestion} />`}
    ${!online.value &&
    html`
      <p class="notice">${online.value === null ? "Connecting …" : "The connection was lost. Reconnecting …"}</p>
    `}
    ${notices.map(
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
  if (conversation.closedBecause.value) return html`<${Closed} conversation=${conversation} />`;
  if (conversation.locked.value) return html`<${PasswordQuestion} conversation=${conversation} />`;
  if (!room) return html`<div class="empty"><p>Opening …</p></div>`;
  const inCall = conversation.inCall();
  const waiting = conversation.lobby.waiting.value;
  return html`
    <article class=${`conversation${inCall ? " in-call" : ""}`}>
      <div class="head">
        ${viewer && html`<${Back} />`}
        <h1>${room.displayName}</h1>
        ${room.lobbyState === 1 && governs(room) && html`<span class="badge">lobby</span>`}
        <${RecordingState} recording=${conversation.recording} lost=${conversation.online.value === false} />
        <span class="grow"></span>
        ${viewer && html`<${InvitationLink} token=${conversation.token} />`}
        ${!inCall &&
        !waiting &&
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
        ${waiting
          ? html`<${LobbyView} room=${room} />`
          : html`<${Side} conversation=${conversation} viewer=${viewer} />`}
      </div>
    </article>
  `;
}
