/** The table: one row per recording, made once; then only what has changed is written. */

import { age, film, matter, next, progress, share, size, where } from "./words.js";

const LABELS = { film: "Film", retry: "Try now", again: "Begin again", park: "Park", delete: "Delete" };

function element(tag, className, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  parent?.append(made);
  return made;
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export class Row {
  constructor(recording, act) {
    this.act = act;
    this.element = element("tr");
    this.element.dataset.id = recording.id;
    this.element.role = "row"; // said where rows are drawn as cards, which are no table for a browser
    const cell = () => {
      const made = element("td", "", this.element);
      made.role = "cell";
      return made;
    };
    this.state = element("span", "state", cell());
    const names = cell();
    this.name = element("div", "name", names);
    this.where = element("small", "", names);
    this.age = cell();
    this.age.className = "number";
    this.size = cell();
    this.size.className = "number";
    const progressed = cell();
    this.bar = element("progress", "", progressed);
    this.progress = element("div", "", progressed);
    this.film = element("small", "", progressed);
    const matters = cell();
    this.matter = element("div", "matter", matters);
    this.next = element("small", "", matters);
    this.actions = element("div", "actions", cell());
  }

  show(recording, now) {
    this.recording = recording;
    write(this.state, recording.state);
    this.state.dataset.state = recording.state;
    write(this.name, recording.file_name);
    this.name.title = recording.id;
    write(this.where, where(recording));
    write(this.age, age(recording, now));
    this.age.title = new Date(recording.accepted_at * 1000).toLocaleString();
    write(this.size, size(recording.folder_bytes));
    const shared = share(recording);
    this.bar.hidden = shared === null;
    if (shared !== null) {
      this.bar.max = shared.all;
      this.bar.value = shared.done;
    }
    write(this.progress, progress(recording));
    write(this.film, film(recording));
    write(this.matter, matter(recording));
    write(this.next, next(recording, now));
    this.#offer([...(recording.film_bytes === null ? [] : ["film"]), ...recording.may]);
  }

  #offer(names) {
    const isTried = this.recording.attempt_since !== null;
    const offered = `${names.join(" ")} ${isTried}`;
    if (offered === this.offered) return;
    this.offered = offered;
    this.actions.replaceChildren();
    for (const name of names) {
      const button = element("button", name === "delete" ? "quiet danger" : "quiet", this.actions);
      button.textContent = LABELS[name === "retry" && isTried ? "again" : name];
      button.addEventListener("click", async () => {
        button.disabled = true;
        await this.act(name, this.recording);
        button.disabled = false;
      });
    }
  }
}
