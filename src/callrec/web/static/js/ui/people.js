/** Who takes part, with roles; moderators add people and make moderators. */

import { moderates, roleName } from "../logic/roles.js";
import { sentence } from "../logic/sentences.js";
import * as talk from "../net/talk.js";
import { html, useState } from "./html.js";
import { useProblem } from "./problem.js";

const PROMOTABLE = new Set([3, 4, 5]);
const DEMOTABLE = new Set([2, 6]);

function Person({ person, self, mayChange, change }) {
  const { attendeeId, displayName, actorId, actorType, participantType, inCall } = person;
  return html`
    <li>
      <span class="grow">
        ${displayName || (actorType === "guests" ? "Guest" : actorId)}${self && " (you)"}
        <small>${roleName(participantType)}${inCall ? ", in the call" : ""}</small>
      </span>
      ${mayChange &&
      PROMOTABLE.has(participantType) &&
      html`<button class="quiet" onClick=${() => change(talk.promote, attendeeId)}>Make moderator</button>`}
      ${mayChange &&
      DEMOTABLE.has(participantType) &&
      html`<button class="quiet" onClick=${() => change(talk.demote, attendeeId)}>Take role away</button>`}
    </li>
  `;
}

export function PeopleView({ conversation, viewer }) {
  const [problem, setProblem] = useProblem();
  const [account, setAccount] = useState("");
  const moderator = moderates(conversation.room.value.participantType);
  const change = async (what, argument) => {
    setProblem("");
    try {
      await what(conversation.token, argument);
      conversation.refresh();
      return true;
    } catch (error) {
      setProblem(error.reason === "new-participant" ? "There is no such user." : sentence(error));
      return false;
    }
  };
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
