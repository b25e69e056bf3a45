/** The list of conversations, and making a new one. */

import { sentence } from "../logic/sentences.js";
import { go, place } from "../model/place.js";
import { createRoom, rooms } from "../model/rooms.js";
import { html, useEffect, useState } from "./html.js";
import { useProblem } from "./problem.js";
import { RecordingList } from "./recordings.js";

const MAX_NAME = 255;

function NewConversation({ onDone }) {
  const [problem, setProblem] = useProblem();
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    try {
      go(await createRoom(form.get("name").trim(), form.has("guests")));
      onDone();
    } catch (error) {
      setProblem(error.reason === "name" ? "The name must not be empty." : sentence(error));
    }
  };
  return html`
    <form class="new-room" onSubmit=${submit}>
      <label>Conversation name <input name="name" maxlength=${MAX_NAME} required autofocus /></label>
      <label class="check"><input type="checkbox" name="guests" /> Allow guests by link</label>
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      <div class="row">
        <button class="primary">Create</button>
        <button type="button" class="quiet" onClick=${onDone}>Cancel</button>
      </div>
    </form>
  `;
}

function Room({ room }) {
  const here = room.token === place.value;
  return html`
    <li>
      <a
        href=${`index.php/call/${room.token}`}
        class=${here ? "here" : ""}
        aria-current=${here ? "page" : undefined}
        onClick=${(event) => (event.preventDefault(), go(room.token))}
      >
        <span class="grow">${room.displayName}</span>
        ${room.hasCall && html`<span class="badge">in call</span>`}
        ${!here && room.unreadMessages > 0 && html`<span class="badge count">${room.unreadMessages}</span>`}
      </a>
    </li>
  `;
}

export function RoomList({ user }) {
  const [making, setMaking] = useState(false);
  const [recordings, setRecordings] = useState(false);
  const here = place.value;
  useEffect(() => setMaking(false), [here]);
  if (recordings) {
    return html`<div class="rooms"><${RecordingList} user=${user} onDone=${() => setRecordings(false)} /></div>`;
  }
  return html`
    <nav class="rooms" aria-label="Conversations">
      ${making
        ? html`<${NewConversation} onDone=${() => setMaking(false)} />`
        : html`<button class="wide" onClick=${() => setMaking(true)}>New conversation</button>`}
      <ul>
        ${(rooms.value ?? []).map((room) => html`<${Room} key=${room.token} room=${room} />`)}
      </ul>
      ${rooms.value?.length === 0 && html`<p class="hint">No conversations yet.</p>`}
      <button class="quiet wide" onClick=${() => setRecordings(true)}>Recordings</button>
    </nav>
  `;
}
