/** Notifications as cards above the page. */

import { sentence } from "../logic/sentences.js";
import { act, dismiss, later, notifications, shown, toggleAll } from "../model/notifications.js";
import { go, place } from "../model/place.js";
import { html } from "./html.js";
import { Player } from "./player.js";
import { useRequests } from "./problem.js";

function Card({ notification, user }) {
  const [carryOut, problem, busy] = useRequests(sentence);
  const { file, call } = notification.messageRichParameters ?? {};
  const arrived = notification.object_type === "recording" && file?.path && notification.actions.length > 0;
  const elsewhere = notification.object_type === "call" && notification.object_id !== place.value;
  return html`
    <article class="card notification">
      <div class="title">
        <h2 class="grow">${notification.subject}</h2>
        <button class="quiet" onClick=${() => later(notification)}>Later</button>
      </div>
      ${arrived
        ? html`
            ${call?.name && html`<p>${call.name}</p>`}
            <${Player} file=${file} viewer=${user} />
          `
        : notification.message && html`<p>${notification.message}</p>`}
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      <div class="row">
        ${notification.actions.map(
          (action) => html`
            <button
              class=${action.primary ? "primary" : "quiet"}
              disabled=${busy}
              onClick=${() => carryOut(() => act(notification, action))}
            >
              ${action.label}
            </button>
          `,
        )}
        ${elsewhere && html`<button class="primary" onClick=${() => go(notification.object_id)}>Open</button>`}
        ${notification.actions.length === 0 &&
        html`
          <button class="quiet" disabled=${busy} onClick=${() => carryOut(() => dismiss(notification))}>
            Dismiss notification
          </button>
        `}
      </div>
    </article>
  `;
}

/** Shows the cards again that were put off; not there without notifications. */
export function Bell() {
  const count = notifications.value.length;
  if (!count) return null;
  return html`
    <button
      class="quiet bell"
      aria-label=${`Notifications (${count})`}
      aria-expanded=${shown.value.length === count}
      onClick=${toggleAll}
    >
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d="M6 16v-5a6 6 0 0 1 12 0v5l2 2H4zM10 21h4" />
      </svg>
      <span class="badge count">${count}</span>
    </button>
  `;
}

export function NotificationCards({ user }) {
  return html`
    <div class="notifications" aria-live="polite">
      ${shown.value.map(
        (one) => html`<${Card} key=${one.notification_id} notification=${one} user=${user} />`,
      )}
    </div>
  `;
}
