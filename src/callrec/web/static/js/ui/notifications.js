/** Notifications as cards above the page. */

import { sentence } from "../logic/sentences.js";
import { act, dismiss, notifications } from "../model/notifications.js";
import { html, useState } from "./html.js";
import { Player } from "./player.js";

function Card({ notification, user }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const { file, call } = notification.messageRichParameters ?? {};
  const carryOut = async (what) => {
    setBusy(true);
    setProblem("");
    try {
      await what();
    } catch (error) {
      setProblem(sentence(error));
      setBusy(false);
    }
  };
  const playable = notification.object_type === "recording" && file?.path && notification.actions.length > 0;
  return html`
    <article class="card notification">
      <h2>${notification.subject}</h2>
      ${playable
        ? html`
            ${call?.name && html`<p>${call.name}</p>`}
            <${Player} file=${file} viewer=${user} />
          `
        : html`<p>${notification.message}</p>`}
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

export function NotificationCards({ user }) {
  return html`
    <div class="notifications" aria-live="polite">
      ${notifications.value.map(
        (one) => html`<${Card} key=${one.notification_id} notification=${one} user=${user} />`,
      )}
    </div>
  `;
}
