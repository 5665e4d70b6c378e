// The frame: views by the hash of the address, the header with namespace, clock and state, the keys.

import { base, baseOf, get, namespace } from "./api.js";
import * as calls from "./calls.js";
import * as contract from "./contract.js";
import { button, dialog, h, select, set, toast } from "./dom.js";
import * as failures from "./failures.js";
import { begin, journal, watch } from "./journal.js";
import * as operations from "./operations.js";
import { problems } from "./parts.js";
import * as sandbox from "./sandbox.js";
import * as stubs from "./stubs.js";
import { themeButton } from "./theme.js";

const VIEWS = [
  { id: "calls", name: "Calls", view: calls },
  { id: "operations", name: "Operations", view: operations },
  { id: "failures", name: "Failures", view: failures },
  { id: "stubs", name: "Stubs", view: stubs },
  { id: "sandbox", name: "Sandbox", view: sandbox },
  { id: "contract", name: "Contract", view: contract },
];

const main = document.getElementById("main");
let shown = null;
let leave = null;

/** Show the view that the address names: `#calls`, `#calls/<id>`. */
async function route() {
  const [id, ...rest] = decodeURIComponent(location.hash.slice(1) || "calls").split("/");
  const entry = VIEWS.find((item) => item.id === id) ?? VIEWS[0];
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.hash === `#${entry.id}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${entry.name} · mockserver${namespace === "default" ? "" : ` · ${namespace}`}`;
  if (shown === entry.id && entry.view.open?.(rest.join("/"))) return;
  leave?.();
  leave = null;
  shown = entry.id;
  main.className = `view-${entry.id}`;
  set(main, h("p", { class: "quiet loading" }, "Loading …"));
  try {
    leave = (await entry.view.show(main, rest.join("/"))) ?? null;
  } catch (error) {
    set(main, problems(error));
  }
}

async function drawTop() {
  const live = h("span", { class: "live", role: "status" });
  watch(() => {
    set(live, journal.state === "live" ? "live" : "waiting for the server");
    live.classList.toggle("is-live", journal.state === "live");
  });
  const names = (await get("/namespaces").catch(() => ({ namespaces: [] }))).namespaces.map((item) => item.name);
  const known = [...new Set(["default", namespace, ...names])];
  set(
    document.getElementById("top"),
    h("a", { class: "brand", href: "#calls" }, h("img", { src: `${base}/page/icon.svg`, alt: "", width: "26", height: "26" }), h("strong", {}, "mockserver")),
    live,
    h("span", { class: "grow" }),
    sandbox.clockChip(),
    h("label", { class: "inline" }, h("span", {}, "Namespace"), select(known, namespace, (name) => location.assign(`${baseOf(name)}/${location.hash.split("/")[0]}`), { "aria-label": "Namespace" })),
    themeButton(),
    button("?", help, { class: "icon", "aria-label": "Keys" }),
  );
}

function drawNav() {
  set(
    document.getElementById("nav"),
    h("ul", {}, VIEWS.map((item, index) => h("li", {}, h("a", { href: `#${item.id}` }, item.name, h("kbd", {}, index + 1))))),
    h("ul", { class: "more" },
      h("li", {}, h("a", { href: `${base}/contract/docs` }, "Contract docs")),
      h("li", {}, h("a", { href: `${base}/docs` }, "Control API docs"))),
  );
}

function help() {
  const keys = [["1 … 6", "the views"], ["/", "filter the calls"], ["↑ ↓, j k", "up and down in the list"], ["Enter", "open the call"], ["Escape", "back to the list"],
    ["c, p, h", "copy the open call as curl, pytest test, HAR"], ["n", "make the next call of its operation fail"], ["?", "this list"]];
  dialog("Keys", h("dl", { class: "keys" }, keys.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])), h("div", { class: "actions" }, h("button", { class: "main" }, "Close")));
}

addEventListener("keydown", (event) => {
  const target = event.target;
  if (event.altKey || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (target.matches("input, textarea:not([readonly]), select")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  const index = Number(event.key) - 1;
  if (VIEWS[index]) location.hash = VIEWS[index].id;
  else if (event.key === "?") help();
  else if (!VIEWS.find((item) => item.id === shown)?.view.onKey?.(event)) return;
  event.preventDefault();
});

addEventListener("hashchange", route);
addEventListener("unhandledrejection", (event) => toast(event.reason?.message ?? "It did not work.", "bad"));
drawNav();
await drawTop();
await begin().catch((error) => toast(error.message, "bad"));
await route();
