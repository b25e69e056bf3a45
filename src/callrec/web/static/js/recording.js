/** Starts the page that a recorder opens in its browser and records (docs/wire.md, Recording page). */

import { render } from "../vendor/preact.js";
import { signal } from "../vendor/signals.js";
import { RecordedCall } from "./call/recorded.js";
import { signalingSettingsForRecording } from "./net/talk.js";
import { html } from "./ui/html.js";
import { Recorded } from "./ui/recorded.js";

/** The call that the recorder is in, or null. */
const call = signal(null);
/** What the recorder asked the settings with: it serves to ask again. */
let asked = null;

async function getSettings(token, random, checksum) {
  const settings = await signalingSettingsForRecording(token, random, checksum);
  asked = [token, random, checksum];
  return settings;
}

/** Settings for one more connection: credentials of TURN servers expire. */
async function freshSettings(old) {
  if (!asked) return old;
  try {
    return await signalingSettingsForRecording(...asked);
  } catch (error) {
    console.warn("signaling settings:", error.message);
    return old;
  }
}

async function join(token, settings, internal) {
  await leave();
  call.value = new RecordedCall({ token, settings, internal, freshSettings });
  await call.value.join();
}

async function leave() {
  const left = call.value;
  call.value = null;
  await left?.leave();
}

window.OCA = {
  Talk: {
    signalingGetSettingsForRecording: getSettings,
    signalingJoinCallForRecording: join,
    signalingKill: leave,
  },
};

render(html`<${Recorded} call=${call} />`, document.getElementById("app"));
