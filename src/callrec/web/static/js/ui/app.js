/** Which page to show. */

import { sentence } from "../logic/sentences.js";
import { close, current, guestName, openProblem } from "../model/current.js";
import { clearNotifications, notificationList } from "../model/notifications.js";
import { go, place } from "../model/place.js";
import { clearRecordings } from "../model/recordings.js";
import { roomList } from "../model/rooms.js";
import { loadMe, me, signOut } from "../model/session.js";
import { ConversationView } from "./conversation.js";
import { GuestDoor, SignIn } from "./door.js";
import { html, useEffect, useState } from "./html.js";
import { Bell, NotificationCards } from "./notifications.js";
import { RoomList } from "./rooms.js";

function Header({ name, onSignOut, children }) {
  return html`
    <header class="top">
      <a class="brand" href="" onClick=${(event) => (event.preventDefault(), go(null))}>callrec</a>
      <span class="grow"></span>
      ${children}
      <span class="who">${name}</span>
      ${onSignOut && html`<button class="quiet" onClick=${onSignOut}>Sign out</button>`}
    </header>
  `;
}

function Welcome() {
  return html`
    <div class="empty">
      ${openProblem.value
        ? html`<p role="alert">${openProblem.value}</p>`
        : html`<p>Choose a conversation, or make a new one.</p>`}
    </div>
  `;
}

function UserPage({ user, onProblem }) {
  useEffect(() => {
    roomList.start();
    notificationList.start();
    return () => {
      roomList.stop();
      notificationList.stop();
      clearNotifications();
      clearRecordings();
    };
  }, []);
  const leave = async () => {
    try {
      await close();
      await signOut();
    } catch (error) {
      onProblem(error);
    }
  };
  const conversation = current.value;
  return html`
    <${Header} name=${user.name} onSignOut=${leave}><${Bell} /></${Header}>
    <div class=${`desk${place.value ? " open" : ""}`}>
      <${RoomList} user=${user} />
      <main>
        ${conversation
          ? html`<${ConversationView} key=${conversation.token} conversation=${conversation} viewer=${user} />`
          : html`<${Welcome} />`}
      </main>
    </div>
    <${NotificationCards} user=${user} />
  `;
}

function GuestPage() {
  const conversation = current.value;
  if (!conversation) return html`<${GuestDoor} />`;
  return html`
    <${Header} name=${guestName.value} />
    <div class="desk open alone">
      <main><${ConversationView} conversation=${conversation} viewer=${null} /></main>
    </div>
  `;
}

export function App() {
  const [problem, setProblem] = useState("");
  const show = (error) => setProblem(sentence(error));
  const load = () => {
    setProblem("");
    loadMe().catch(show);
  };
  useEffect(load, []);
  if (problem) {
    return html`
      <div class="empty">
        <p role="alert">${problem}</p>
        <button onClick=${load}>Try again</button>
      </div>
    `;
  }
  if (!me.value) return html`<div class="empty"><p>One moment …</p></div>`;
  if (me.value.kind === "user") return html`<${UserPage} user=${me.value} onProblem=${show} />`;
  return place.value ? html`<${GuestPage} />` : html`<${SignIn} />`;
}
