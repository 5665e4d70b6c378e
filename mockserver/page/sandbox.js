// What a namespace has beside stubs and calls: its clock, its options, snapshots; and the other namespaces.

import { base, baseOf, call, del, get, namespace, post, put } from "./api.js";
import { ask, button, field, h, select, set, toast } from "./dom.js";
import { reload } from "./journal.js";
import { heading, problems } from "./parts.js";

let main = null;
// What the clock said, and when it said so.
const clock = { mode: "real", now: Date.now(), at: Date.now() };
const faces = new Set();

const present = () => clock.now + (clock.mode === "frozen" ? 0 : Date.now() - clock.at);
const write = (time) => new Date(time).toISOString().replace("T", " ").slice(0, 19);

function tick() {
  for (const face of faces) {
    if (!face.isConnected) {
      faces.delete(face);
      continue;
    }
    face.textContent = `${write(present())} UTC`;
  }
}

async function readClock(answer) {
  const { mode, now } = answer ?? (await get("/clock"));
  Object.assign(clock, { mode, now: Date.parse(now), at: Date.now() });
  for (const chip of document.querySelectorAll(".clock-chip")) {
    chip.classList.toggle("frozen", mode === "frozen");
    chip.querySelector(".mode").textContent = mode;
  }
  tick();
}

/** The clock of the namespace, small, for the header. */
export function clockChip() {
  const face = h("time", {});
  const chip = h("a", { class: "clock-chip", href: "#sandbox", "aria-label": "Clock of the namespace" }, h("span", { class: "mode" }, "clock"), face);
  setTimeout(() => {
    faces.add(face);
    readClock().catch(() => {});
  });
  setInterval(tick, 1000);
  setInterval(() => !document.hidden && readClock().catch(() => {}), 15000);
  return chip;
}

export async function show(place) {
  main = place;
  await draw();
}

async function draw() {
  const [{ namespaces }, settings, { settings: delays }] = await Promise.all([get("/namespaces"), call("PATCH", "/settings", {}), get("/settings"), readClock()]);
  set(
    main,
    heading("Sandbox", button("Reset this namespace", () => resetOf(namespace), { class: "danger" })),
    h("div", { class: "columns" }, clockPanel(), settingsPanel(settings, delays)),
    namespacesPanel(namespaces),
  );
}

const change = async (body, text) => {
  await readClock(await put("/clock", body));
  toast(text);
  await draw();
};

function clockPanel() {
  const face = h("output", { class: "face" });
  faces.add(face);
  setTimeout(tick);
  const moment = h("input", { type: "datetime-local", step: "1", value: new Date(present()).toISOString().slice(0, 19) });
  const at = () => `${moment.value.length === 16 ? `${moment.value}:00` : moment.value}Z`;
  const seconds = h("input", { type: "number", value: "60", step: "any" });
  const move = (amount, text) => button(text, () => change({ advanceSeconds: amount }, `The clock went ${text}`), { "aria-label": `Move the clock ${text}` });
  return h(
    "section", { class: "panel" }, h("h2", {}, "Clock"),
    h("p", { class: "quiet" }, { real: "It shows the machine's time.", frozen: "It stands still.", shifted: "It runs, apart from the machine's time." }[clock.mode]),
    face,
    h("div", { class: "actions" },
      clock.mode === "frozen" ? null : button("Freeze now", () => change({ mode: "frozen" }, "The clock stands still"), { class: "main" }),
      clock.mode === "real" ? null : button("Let it run with the real time", () => change({ mode: "real" }, "The clock shows the real time"))),
    h("div", { class: "actions" }, move(60, "+1 min"), move(3600, "+1 h"), move(86400, "+1 day"), move(90 * 86400, "+90 days"), move(-3600, "−1 h")),
    h("div", { class: "actions" }, field("Seconds", seconds), button("Move", () => change({ advanceSeconds: Number(seconds.value) }, `The clock moved by ${seconds.value} s`))),
    h("div", { class: "actions" }, field("Instant (UTC)", moment), button("Freeze there", () => change({ mode: "frozen", now: at() }, "The clock stands still there")), button("Run from there", () => change({ mode: "shifted", now: at() }, "The clock runs from there"))),
  );
}

function settingsPanel(settings, delays) {
  const wrong = h("div", {});
  const texts = {};
  const controls = {};
  const plain = { seed: "Seed", rateLimit: "Rate limit", clock: "Clock at the start" };
  for (const [name, label] of Object.entries(plain)) {
    controls[name] = h("input", { type: "text", value: settings[name] ?? "", placeholder: name === "rateLimit" ? "100/60s" : "" });
    texts[name] = label;
  }
  const choices = { successStatus: ["201", "200", "alternate"], variants: ["off", "cycle"], idempotency: ["on", "off", "required"], strictAccounts: ["false", "true"], tolerantReader: ["false", "true"] };
  const labels = { successStatus: "Status of a success", variants: "Variants", idempotency: "Idempotency-Key", strictAccounts: "Strict accounts", tolerantReader: "Members that the contract does not name" };
  for (const [name, options] of Object.entries(choices)) {
    controls[name] = select(options, String(settings[name]), () => {});
    texts[name] = labels[name];
  }
  const delay = h("input", { type: "number", min: "0", value: delays.fixedDelay ?? "" });
  const save = async () => {
    const changes = {};
    for (const [name, element] of Object.entries(controls)) {
      const value = typeof settings[name] === "boolean" ? element.value === "true" : element.value || null;
      if (String(value ?? "") !== String(settings[name] ?? "")) changes[name] = value;
    }
    try {
      await call("PATCH", "/settings", changes);
      await post("/settings", delay.value === "" ? {} : { fixedDelay: Number(delay.value) });
      toast("The options hold until the reset");
      await draw();
    } catch (error) {
      set(wrong, problems(error));
    }
  };
  return h(
    "section", { class: "panel" }, h("h2", {}, "Options of this namespace"),
    h("div", { class: "fields" }, Object.entries(controls).map(([name, element]) => field(texts[name], element)), field("Delay of every answer (ms)", delay)),
    wrong, h("div", { class: "actions" }, button("Apply", save, { class: "main" })),
  );
}

const KEPT = "mockserver-snapshots";
const readKept = () => JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");

function namespacesPanel(namespaces) {
  const name = h("input", { type: "text", pattern: "[a-z0-9\\-]{1,40}", placeholder: "a-z, 0-9 and -", autocomplete: "off" });
  const go = (to) => location.assign(`${baseOf(to)}/#sandbox`);
  const snapshots = readKept();
  const keep = async () => {
    const { id } = await post("/snapshots");
    sessionStorage.setItem(KEPT, JSON.stringify([...snapshots, { id, namespace, at: new Date().toISOString() }]));
    toast("Kept: stubs, keys, clock and options");
    await draw();
  };
  const restore = async (item) => {
    await post(`/snapshots/${item.id}/restore`);
    toast("Restored");
    await draw();
  };
  return h(
    "div", { class: "columns" },
    h("section", { class: "panel" }, h("h2", {}, "Namespaces"),
      h("div", { class: "scroll" }, h("table", {},
        h("thead", {}, h("tr", {}, ["Name", "Calls", "Stubs", "Keys", ""].map((text) => h("th", { scope: "col" }, text || h("span", { class: "hidden" }, "Actions"))))),
        h("tbody", {}, namespaces.map((item) => h(
          "tr", { class: item.name === namespace ? "now" : "" },
          h("th", { scope: "row" }, item.name === namespace ? h("strong", {}, item.name) : h("a", { href: `${baseOf(item.name)}/#sandbox` }, item.name)),
          h("td", {}, item.calls), h("td", {}, item.stubs), h("td", {}, item.issuedKeys),
          h("td", {}, h("div", { class: "actions" },
            button("Reset", () => resetOf(item.name), { "aria-label": `Reset ${item.name}` }),
            item.name === "default" ? null : button("Forget", () => forget(item.name), { class: "danger", "aria-label": `Forget ${item.name}` }))),
        ))))),
      h("form", { class: "actions", on: { submit: (event) => { event.preventDefault(); if (name.value) go(name.value); } } }, field("Go to a namespace", name, "It appears with its first use."), h("button", {}, "Go"))),
    h("section", { class: "panel" }, h("h2", {}, "Snapshots"),
      h("p", { class: "quiet" }, "What the namespace holds now, its calls apart, to come back to."),
      h("div", { class: "actions" }, button("Take a snapshot", keep, { class: "main" })),
      snapshots.length ? h("ul", { class: "choices" }, snapshots.map((item) => h("li", {}, h("div", { class: "fault" }, h("strong", {}, item.at.slice(11, 19)), h("p", { class: "quiet" }, `of ${item.namespace}`)), button("Restore here", () => restore(item), { "aria-label": `Restore the snapshot of ${item.at.slice(11, 19)}` })))) : null),
  );
}

async function resetOf(name) {
  if (!(await ask(`Reset ${name}?`, "Its calls, keys and scripts are forgotten; stubs of the files, clock and options are as at the start.", "Reset it"))) return;
  await call("POST", "/reset", undefined, { root: baseOf(name) });
  toast(`${name} is as at its start`);
  if (name === namespace) await reload();
  await draw();
}

async function forget(name) {
  if (!(await ask(`Forget ${name}?`, "All that it holds is gone.", "Forget it"))) return;
  await del(`/namespaces/${name}`);
  if (name === namespace) location.assign(`${baseOf("default")}/#sandbox`);
  else await draw();
}

export { base };
