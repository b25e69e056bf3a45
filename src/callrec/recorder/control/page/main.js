/** The operator's page: asks for the token once, then shows what the recorder says, again and again. */

import { download, list, park, remove, retry, token } from "./api.js";
import { Row } from "./rows.js";
import { doubt, fate, FILTERS, question } from "./words.js";

const EVERY_MS = 2000;
const ROWS_AT_FIRST = 100;

const at = (id) => document.getElementById(id);
const rows = new Map();
let filter = FILTERS[0];
let shown = ROWS_AT_FIRST;
let latest = { now: 0, recordings: [] };
let timer = 0;

function complain(text) {
  at("problem").hidden = text === "";
  at("problem").textContent = text;
}

function tell(text) {
  at("notice").hidden = text === "";
  at("notice").textContent = text;
}

function sure(question, { yes, no }) {
  at("question").textContent = question;
  at("yes").textContent = yes;
  at("no").textContent = no;
  const dialog = at("sure");
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

const ACTIONS = {
  film: (recording) => download(recording.id),
  retry: async (recording) => {
    const asked = doubt(recording);
    if (asked === "" || (await sure(asked, { yes: "Begin again", no: "Let it run" }))) await retry(recording.id);
  },
  park: (recording) => park(recording.id),
  delete: async (recording) => {
    const answers = { yes: "Delete", no: "Keep it" };
    if (await sure(question(recording), answers)) tell(fate(recording, await remove(recording.id)));
  },
};

async function act(name, recording) {
  tell("");
  try {
    await ACTIONS[name](recording);
    complain("");
  } catch (problem) {
    complain(`${recording.file_name}: ${problem.message}`);
    if (problem.status === 401) return ask(problem.message);
  }
  await look();
}

function showFilters() {
  const buttons = FILTERS.map((each) => {
    const count = latest.recordings.filter(each.takes).length;
    const text = `${each.name} ${count}`;
    return { each, text };
  });
  const nav = at("filters");
  if (nav.children.length === 0) {
    for (const { each } of buttons) {
      const button = document.createElement("button");
      button.addEventListener("click", () => {
        filter = each;
        shown = ROWS_AT_FIRST;
        show();
      });
      nav.append(button);
    }
  }
  buttons.forEach(({ each, text }, index) => {
    const button = nav.children[index];
    if (button.textContent !== text) button.textContent = text;
    button.setAttribute("aria-pressed", String(each === filter));
  });
}

function show() {
  showFilters();
  const taken = latest.recordings.filter(filter.takes);
  const visible = taken.slice(0, shown);
  const wanted = new Set(visible.map((recording) => recording.id));
  for (const [id, row] of rows) {
    if (!wanted.has(id)) {
      row.element.remove();
      rows.delete(id);
    }
  }
  let place = at("rows").firstElementChild;
  for (const recording of visible) {
    let row = rows.get(recording.id);
    if (!row) {
      row = new Row(recording, act);
      rows.set(recording.id, row);
    }
    row.show(recording, latest.now);
    if (row.element === place) place = place.nextElementSibling;
    else at("rows").insertBefore(row.element, place);
  }
  at("empty").hidden = taken.length > 0;
  at("more").hidden = taken.length <= shown;
  at("more").textContent = `Show ${taken.length - shown} more`;
}

async function look() {
  clearTimeout(timer);
  try {
    latest = await list();
    at("list").hidden = false;
    at("leave").hidden = false;
    at("news").textContent = `as of ${new Date(latest.now * 1000).toLocaleTimeString()}`;
    show();
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) return ask(problem.message);
    at("news").textContent = problem.message;
  }
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(look, EVERY_MS);
}

function ask(why) {
  clearTimeout(timer);
  token.forget();
  rows.clear();
  at("rows").replaceChildren();
  at("list").hidden = true;
  at("leave").hidden = true;
  at("door").hidden = false;
  complain(why);
  at("token").focus();
}

at("door").addEventListener("submit", (event) => {
  event.preventDefault();
  token.set(at("token").value.trim());
  at("token").value = "";
  at("door").hidden = true;
  complain("");
  look();
});
at("leave").addEventListener("click", () => ask(""));
at("more").addEventListener("click", () => {
  shown += ROWS_AT_FIRST;
  show();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && token.get()) look();
});

if (token.get()) look();
else ask("");
