/** The chat of a conversation. */

import { author, isDeleted, parts, quoted } from "../logic/messages.js";
import { sentence } from "../logic/sentences.js";
import { when } from "../logic/times.js";
import { html, useLayoutEffect, useRef, useState } from "./html.js";
import { Player } from "./player.js";
import { useProblem } from "./problem.js";

const MAX_MESSAGE = 32_000;
const NEAR_END_PX = 80;

function Text({ message, viewer }) {
  return parts(message.message, message.messageParameters).map((part) => {
    if (part.kind === "file") return html`<${Player} file=${part.file} viewer=${viewer} />`;
    if (part.kind === "mention") return html`<b class="mention">${part.text}</b>`;
    return part.text;
  });
}

/** The line that is answered, for whoever cannot see that it stands above. */
function Quote({ message }) {
  const { by, text } = quoted(message);
  return html`<blockquote>${by && html`<b>${by}</b>`} ${text}</blockquote>`;
}

function Message({ message, viewer }) {
  const time = html`<time>${when(message.timestamp)}</time>`;
  if (message.systemMessage) {
    return html`<li class="system"><${Text} message=${message} viewer=${viewer} /> ${time}</li>`;
  }
  const deleted = isDeleted(message);
  const mine = viewer && message.actorType === "users" && message.actorId === viewer.id;
  return html`
    <li class=${mine ? "mine" : ""}>
      <p class="by"><b>${author(message)}</b> ${time}</p>
      <div class=${deleted ? "text deleted" : "text"}>
        ${message.parent && !deleted && html`<${Quote} message=${message.parent} />`}
        <${Text} message=${message} viewer=${viewer} />
      </div>
    </li>
  `;
}

/** `onSent()` is told when the server has taken a message. */
function Composer({ chat, onSent }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useProblem();
  const submit = async (event) => {
    event.preventDefault();
    const message = text.trim();
    if (!message) return;
    setText("");
    setProblem("");
    try {
      await chat.send(message);
      onSent();
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

/** Keeps `frame`, which shows `content`, at its end unless somebody has scrolled up. Returns how to go to the end. */
function useEnd(frame, content) {
  const goToEnd = useRef(null);
  useLayoutEffect(() => {
    const box = frame.current;
    const endPx = () => box.scrollHeight - box.clientHeight;
    let atEnd = true;
    let settledPx = 0;
    let topPx = 0;
    const settle = () => {
      if (atEnd) box.scrollTop = box.scrollHeight;
      settledPx = endPx();
      topPx = box.scrollTop;
    };
    // An event that comes with a change of size tells of the layout; but what grows moves nobody upwards.
    const onScroll = () => {
      const end = endPx();
      if (end === settledPx || (end > settledPx && box.scrollTop < topPx)) atEnd = end - box.scrollTop < NEAR_END_PX;
      topPx = box.scrollTop;
    };
    const sizes = new ResizeObserver(settle);
    sizes.observe(box);
    sizes.observe(content.current);
    box.addEventListener("scroll", onScroll);
    goToEnd.current = () => {
      atEnd = true;
      settle();
    };
    return () => {
      sizes.disconnect();
      box.removeEventListener("scroll", onScroll);
    };
  }, []);
  return () => goToEnd.current();
}

export function ChatView({ chat, viewer }) {
  const frame = useRef(null);
  const list = useRef(null);
  const goToEnd = useEnd(frame, list);
  return html`
    <section class="chat" aria-label="Chat">
      <div class="messages" ref=${frame}>
        <ol ref=${list}>
          ${chat.messages.value.map(
            (message) => html`<${Message} key=${message.id} message=${message} viewer=${viewer} />`,
          )}
        </ol>
      </div>
      <${Composer} chat=${chat} onSent=${goToEnd} />
    </section>
  `;
}
