// Stubs: in the order in which they are asked, the queue among them; scenarios and their states.

import { call, del, get, post, put } from "./api.js";
import { ask, button, dialog, field, h, set, toast } from "./dom.js";
import { heading, json, pill, problems } from "./parts.js";

let main = null;
const cards = new Map();

const FRESH = {
  name: "my stub", request: { method: "GET", urlPath: "/elsewhere" }, response: { status: 200, jsonBody: { hello: "world" } },
};

export async function show(place, id) {
  main = place;
  await draw();
  open(id);
}

async function draw() {
  const [{ mappings }, { scenarios }] = await Promise.all([get("/mappings"), get("/scenarios")]);
  cards.clear();
  set(
    main,
    heading("Stubs", button("Add a stub", () => editStub(FRESH), { class: "main" }), button("Back to those of the files", reset, { class: "danger" })),
    mappings.length ? h("ul", { class: "choices" }, mappings.map(row)) : h("p", { class: "empty" }, "There is no stub: every answer is the contract's."),
    h("h2", {}, "Scenarios"),
    scenarios.length ? scenarios.map(scenario) : h("p", { class: "quiet" }, "No stub has a scenario."),
    scenarios.length > 0 && h("div", { class: "actions" }, button("Start all again", async () => { await post("/scenarios/reset"); await draw(); })),
  );
}

export function open(id) {
  const item = cards.get(id);
  if (!item) return true;
  item.open = true;
  item.scrollIntoView({ block: "center" });
  item.querySelector("summary").focus();
  return true;
}

function asks(stub) {
  const own = stub.metadata?.mockserver ?? {};
  const url = ["url", "urlPath", "urlPathTemplate", "urlPattern", "urlPathPattern"].map((name) => stub.request[name]).find(Boolean);
  const more = Object.keys(stub.request).filter((name) => !/^(method|url)/.test(name));
  return [own.operation ?? (stub.request.method === "ANY" ? null : stub.request.method) ?? "any method", url, more.length ? `with ${more.join(", ")}` : null].filter(Boolean).join(" ");
}

function row(stub) {
  const own = stub.metadata?.mockserver ?? {};
  const answer = stub.response;
  const details = h(
    "details", {},
    h("summary", {},
      answer.fault ? pill(answer.fault, "x") : pill(answer.status ?? 200, String(answer.status ?? 200)[0]), " ",
      h("strong", {}, stub.name ?? asks(stub)), stub.name ? h("span", { class: "quiet" }, ` ${asks(stub)}`) : null,
      own.times ? [" ", pill(`${own.times} ×`, "q")] : null, own.hold ? [" ", pill("holds", "q")] : null, own.phase === "after_commit" ? [" ", pill("after commit", "q")] : null,
      stub.scenarioName ? [" ", pill(stub.scenarioName, "q")] : null),
    h("div", { class: "inside" }, json(stub)),
  );
  cards.set(stub.id, details);
  const name = stub.name ?? asks(stub);
  return h(
    "li", {}, details,
    own.hold && button("Release", async () => toast(`${(await post(`/mappings/${stub.id}/release`)).released} released`), { "aria-label": `Release what ${name} holds` }),
    button("Edit", () => editStub(stub), { "aria-label": `Edit ${name}` }),
    button("Remove", async () => { await del(`/mappings/${stub.id}`); toast("Removed"); await draw(); main.querySelector("button").focus(); }, { class: "danger", "aria-label": `Remove ${name}` }),
  );
}

/** Add a stub, or change one that has an id; what the server refuses is shown beside it. */
export async function editStub(stub) {
  const { uuid, ...document_ } = stub;
  const area = h("textarea", { rows: "18", spellcheck: "false", class: "code", value: JSON.stringify(document_, null, 2) });
  const wrong = h("div", {});
  const save = async () => {
    try {
      const value = JSON.parse(area.value);
      if (stub.id) await put(`/mappings/${stub.id}`, value);
      else await post("/mappings", value);
      toast(stub.id ? "The stub is changed" : "The stub is added");
      area.closest("dialog").close("saved");
    } catch (error) {
      set(wrong, problems(error), error.problems && marked(area.value, error.problems));
    }
  };
  const answer = await dialog(
    stub.id ? "Change the stub" : "Add a stub", h("p", { class: "quiet" }, "WireMock's stub mapping, with ours below metadata.mockserver."),
    field("Stub, as JSON", area), wrong,
    h("div", { class: "actions" }, button("Save", save, { class: "main" }), h("button", { value: "no" }, "Cancel")),
  );
  if (answer === "saved" && location.hash.startsWith("#stubs")) await draw();
}

function marked(text, found) {
  try {
    return json(JSON.parse(text), found.map((problem) => ({ pointer: problem.pointer, text: problem.title })));
  } catch {
    return null;
  }
}

function scenario(item) {
  return h(
    "div", { class: "scenario" }, h("h3", {}, item.name),
    h("div", { class: "states", role: "group", "aria-label": `State of ${item.name}` }, item.possibleStates.map((state) => button(
      state, async () => { await call("PUT", `/scenarios/${encodeURIComponent(item.name)}/state`, { state }); await draw(); },
      { class: state === item.state ? "state now" : "state", "aria-pressed": String(state === item.state) },
    ))),
    h("p", { class: "quiet" }, `${item.mappings.length} stub${item.mappings.length === 1 ? "" : "s"}`),
  );
}

async function reset() {
  if (!(await ask("Back to the stubs of the files?", "Every other stub is removed, and every scenario starts again.", "Remove them"))) return;
  await post("/mappings/reset");
  await draw();
}
