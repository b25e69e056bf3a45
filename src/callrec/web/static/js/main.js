/** Starts the page. */

import { render } from "../vendor/preact.js";
import { follow } from "./model/current.js";
import { App } from "./ui/app.js";
import { html } from "./ui/html.js";

// A page from the back/forward cache has left its conversation when it was hidden.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

render(html`<${App} />`, document.getElementById("app"));
follow();
