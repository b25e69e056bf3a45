/** The chat of a conversation. */

import { author, parts } from "../logic/messages.js";
import { sentence } from "../logic/sentences.js";
import { html, useLayoutEffect, useRef, useState } from "./html.js";
import { Player } from "./player.js";

const MAX_MESSAGE = 32_000;
const NEAR_END_PX = 80;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

function when(timestamp) {
  const date = new Date(timestamp * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}

function Text({ message, viewer }) {
  return parts(message.message, message.messageParameters).map((part) => {
    if (part.kind === "file") return html`<${Player} file=${part.file} viewer=${viewer} />`;
    if (part.kind === "mention") return html`<b class="mention">${part.text}</b>`;
    return part.text;
  });
}

function Message({ message, viewer }) {
  const time = html`<time>${when(message.timestamp)}</time>`;
  if (message.systemMessage) {
    return html`<li class="system"><${Text} message=${message} viewer=${viewer} /> ${time}</li>`;
  }
  const mine = viewer && message.actorType === "users" && message.actorId === viewer.id;
  return html`
    <li class=${mine ? "mine" : ""}>
      <p class="by"><b>${author(message)}</b> ${time}</p>
      <div class="text"><${Text} message=${message} viewer=${viewer} /></div>
    </li>
  `;
}

function Composer({ chat }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const submit = async (event) => {
    event.preventDefault();
    const message = text.trim();
    if (!message) return;
    setText("");
    setProblem("");
    try {
      await chat.send(message);
    } catch (error) {
      setText((typed) => typed || text);
      setProblem(sentence(error));
    }
  };
  const onKeyDown = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  };
  return html`
    <form class="composer" onSubmit=${submit}>
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      <textarea
        aria-label="Message"
        placeholder="Write a message"
        rows="1"
        maxlength=${MAX_MESSAGE}
        value=${text}
        onInput=${(event) => setText(event.currentTarget.value)}
        onKeyDown=${onKeyDown}
      ></textarea>
      <button class="primary">Send</button>
    </form>
  `;
}

export function ChatView({ chat, viewer }) {
  const list = useRef(null);
  const atEnd = useRef(true);
  const messages = chat.messages.value;
  useLayoutEffect(() => {
    if (atEnd.current) list.current.scrollTop = list.current.scrollHeight;
  }, [messages]);
  const onScroll = ({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
    atEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  };
  return html`
    <section class="chat" aria-label="Chat">
      <ol class="messages" ref=${list} onScroll=${onScroll}>
        ${messages.map((message) => html`<${Message} key=${message.id} message=${message} viewer=${viewer} />`)}
      </ol>
      <${Composer} chat=${chat} />
    </section>
  `;
}
