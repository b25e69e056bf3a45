/** Coming in: sign in with an account, or as a guest by a link. */

import { signInSentence } from "../logic/sentences.js";
import { enterAsGuest, openProblem } from "../model/current.js";
import { me, signIn } from "../model/session.js";
import { html, useState } from "./html.js";

const GUEST_NAME_KEY = "callrec.guest-name";
const MAX_NAME = 64;

function Card({ title, children }) {
  return html`
    <div class="door">
      <div class="card">
        <p class="brand">callrec</p>
        <h1>${title}</h1>
        ${children}
      </div>
    </div>
  `;
}

export function SignIn({ onBack }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setProblem("");
    try {
      await signIn(form.get("user").trim(), form.get("password"));
    } catch (error) {
      setProblem(signInSentence(error));
      setBusy(false);
    }
  };
  return html`
    <${Card} title="Welcome">
      <form onSubmit=${submit}>
        <label>User <input name="user" autocomplete="username" required autofocus /></label>
        <label>Password <input name="password" type="password" autocomplete="current-password" required /></label>
        ${problem && html`<p class="problem" role="alert">${problem}</p>`}
        <button class="primary" disabled=${busy}>Sign in</button>
      </form>
      ${onBack && html`<button class="link" onClick=${onBack}>Come in as a guest</button>`}
    </${Card}>
  `;
}

/** Whoever was signed in finds the form for that first. */
export function GuestDoor() {
  const [account, setAccount] = useState(me.value.wasUser);
  const [busy, setBusy] = useState(false);
  if (account) return html`<${SignIn} onBack=${() => setAccount(false)} />`;
  const submit = async (event) => {
    event.preventDefault();
    const name = new FormData(event.currentTarget).get("name").trim();
    if (!name) return;
    localStorage.setItem(GUEST_NAME_KEY, name);
    setBusy(true);
    await enterAsGuest(name);
    setBusy(false);
  };
  return html`
    <${Card} title="You are invited to a conversation">
      <form onSubmit=${submit}>
        <label>
          Your name
          <input
            name="name"
            autocomplete="name"
            maxlength=${MAX_NAME}
            required
            autofocus
            defaultValue=${localStorage.getItem(GUEST_NAME_KEY) ?? ""}
          />
        </label>
        ${openProblem.value && html`<p class="problem" role="alert">${openProblem.value}</p>`}
        <button class="primary" disabled=${busy}>Join</button>
      </form>
      <button class="link" onClick=${() => setAccount(true)}>I have an account</button>
    </${Card}>
  `;
}
