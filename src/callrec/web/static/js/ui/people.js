/** Who takes part, with roles; moderators add and remove people, make moderators, and let people in. */

import { keptWaiting, LET_IN } from "../logic/entrance.js";
import { demotable, governs, promotable, removable, roleName } from "../logic/roles.js";
import { personSentence } from "../logic/sentences.js";
import * as talk from "../net/talk.js";
import { html, useState } from "./html.js";
import { useRequests } from "./problem.js";

/** Removing is asked for once more: the buttons stand close together. */
function Actions({ person, room, change }) {
  const [removing, setRemoving] = useState(false);
  const { attendeeId, participantType, permissions, sessionIds } = person;
  const button = (label, what, ...given) => html`
    <button class="quiet" onClick=${() => change(what, attendeeId, ...given)}>${label}</button>
  `;
  const waiting = keptWaiting(room, participantType, permissions);
  return html`
    ${!removing && waiting && sessionIds.length > 0 && button("Let in", talk.addPermissions, LET_IN)}
    ${!removing && promotable(participantType) && button("Make moderator", talk.promote)}
    ${!removing && demotable(participantType) && button("Take role away", talk.demote)}
    ${removing &&
    html`<button class="danger pale" onClick=${() => change(talk.removePerson, attendeeId)}>Remove</button>`}
    ${removable(participantType) &&
    html`<button class="quiet" onClick=${() => setRemoving(!removing)}>${removing ? "Keep" : "Remove …"}</button>`}
  `;
}

function Person({ person, room, self, mayChange, change }) {
  const { displayName, actorId, actorType, participantType, permissions, inCall } = person;
  const waiting = keptWaiting(room, participantType, permissions);
  return html`
    <li>
      <span class="grow">
        ${displayName || (actorType === "guests" ? "Guest" : actorId)}${self && " (you)"}
        <small>${roleName(participantType)}${waiting ? ", in the lobby" : ""}${inCall ? ", in the call" : ""}</small>
      </span>
      ${mayChange && html`<span class="row"><${Actions} person=${person} room=${room} change=${change} /></span>`}
    </li>
  `;
}

export function PeopleView({ conversation, viewer }) {
  const [carryOut, problem] = useRequests(personSentence);
  const [account, setAccount] = useState("");
  const room = conversation.room.value;
  const moderator = governs(room);
  const change = (what, ...given) =>
    carryOut(async () => {
      await what(conversation.token, ...given);
      conversation.refresh();
    });
  const add = async (event) => {
    event.preventDefault();
    const id = account.trim();
    if (id && (await change(talk.addUser, id))) setAccount("");
  };
  return html`
    <section class="people" aria-label="People">
      <ul>
        ${(conversation.people.value ?? []).map((person) => {
          const self = person.actorType === "users" && person.actorId === viewer.id;
          return html`
            <${Person}
              key=${person.attendeeId}
              person=${person}
              room=${room}
              self=${self}
              mayChange=${moderator && !self}
              change=${change}
            />
          `;
        })}
      </ul>
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      ${moderator &&
      html`
        <form class="add" onSubmit=${add}>
          <input
            aria-label="Account to add"
            placeholder="Account to add"
            autocomplete="off"
            required
            value=${account}
            onInput=${(event) => setAccount(event.currentTarget.value)}
          />
          <button>Add</button>
        </form>
      `}
    </section>
  `;
}
