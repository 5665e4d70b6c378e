// What can go wrong: documented errors, faults, and the other answers that the contract allows.

import { get, post, put } from "./api.js";
import { button, h, select, set, toast } from "./dom.js";
import { heading, json, pill, unified } from "./parts.js";

let operation = null;
let place = null;
let tab = "errors";

export async function show(main, id) {
  const { operations } = await get("/operations");
  operation = operations.some((item) => item.id === id) ? id : (operation ?? operations[0]?.id);
  place = h("div", {});
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Kinds of failure" });
  const drawTabs = () => set(tabs, [["errors", "Errors"], ["faults", "Faults"], ["variants", "Variants"]].map(([key, text]) =>
    button(text, () => { tab = key; drawTabs(); draw(); tabs.querySelector("[aria-selected=true]").focus(); }, { role: "tab", "aria-selected": String(key === tab) })));
  drawTabs();
  set(
    main,
    heading("Failures", h("label", { class: "inline" }, "Operation ", select(operations.map((item) => item.id), operation, (value) => { operation = value; draw(); }, { "aria-label": "Operation" }))),
    h("p", { class: "lead" }, "Choose what your client shall meet next. Each answer is scripted as an ordinary stub, and is used up by the call that gets it."),
    tabs, place,
  );
  await draw();
}

const draw = () => ({ errors: drawErrors, faults: drawFaults, variants: drawVariants })[tab]();

async function drawErrors() {
  const { errors } = await get(`/errors?operation=${encodeURIComponent(operation)}`);
  if (!errors.length) return set(place, h("p", { class: "quiet" }, "The contract documents no error of this operation."));
  return set(place, h("ul", { class: "choices" }, errors.map((item) => h(
    "li", {},
    h("details", {},
      h("summary", {}, pill(item.status, String(item.status)[0]), " ", h("strong", {}, item.reason), h("span", { class: "grow" })),
      h("div", { class: "inside" }, json(item.body), h("dl", { class: "headers" },
        item.provoke.prefer && [h("dt", {}, "in one request"), h("dd", {}, h("code", {}, `Prefer: ${item.provoke.prefer}`))],
        h("dt", {}, "in Python"), h("dd", {}, h("code", {}, item.provoke.python)),
        item.provoke.cause && [h("dt", {}, "by its cause"), h("dd", {}, h("code", {}, item.provoke.cause))]))),
    sendNext({ operation, outcomes: [{ ...item.provoke.queue.outcomes[0], body: item.body }] }, `${item.status} ${item.reason}`),
  ))));
}

async function drawFaults() {
  const { faults } = await get(`/errors?operation=${encodeURIComponent(operation)}`);
  return set(place, h("ul", { class: "choices" }, faults.map((item) => h(
    "li", {},
    h("div", { class: "fault" }, h("strong", {}, item.fault), h("p", { class: "quiet" }, item.what)),
    sendNext({ operation, outcomes: [{ ...item.provoke.queue.outcomes[0], phase: "before" }] }, item.fault, "before"),
    sendNext({ operation, outcomes: [{ ...item.provoke.queue.outcomes[0], phase: "after_commit" }] }, `${item.fault}, after the operation was carried out`, "after it was carried out"),
  ))));
}

/** A button that scripts an outcome for the next call. */
function sendNext(queue, what, when) {
  return button(when ? `Next: ${when}` : "Send this next", async () => {
    await post("/queue", queue);
    toast(`The next call of ${operation}: ${what}`);
  }, { class: "go", "aria-label": `Send next: ${what}` });
}

async function drawVariants() {
  set(place, h("p", { class: "quiet loading" }, "Making the variants …"));
  const [{ variants }, chosen] = await Promise.all([get(`/variants?operation=${encodeURIComponent(operation)}&diff=true`), get("/variant")]);
  const choose = async (name, item) => {
    await put("/variant", name === null ? { name: null } : { name, operation: item.operation, status: item.status });
    toast(name === null ? "Answers are plain again" : `Answers ${item.status} of ${item.operation} are now ${name}`);
    await draw();
    place.querySelector("button")?.focus();
  };
  const rows = variants.map((item) => {
    const isChosen = chosen.name === item.name && [null, item.operation].includes(chosen.operation) && [null, item.status].includes(chosen.status);
    return h(
      "li", { class: isChosen ? "chosen" : "" },
      h("details", {},
        h("summary", {}, pill(item.status, String(item.status)[0]), " ", h("strong", {}, item.name), item.legal ? null : [" ", pill("breaks the contract", "5")], h("span", { class: "quiet" }, ` ${item.deviation}`)),
        h("div", { class: "inside" }, unified(item.diff ?? ""))),
      isChosen ? button("Stop", () => choose(null, item)) : button("Answer so", () => choose(item.name, item), { class: "go", "aria-label": `Answer so: ${item.name}` }),
    );
  });
  const search = h("input", { type: "search", placeholder: "Any text …", "aria-label": "Filter the variants", on: { input: (event) => rows.forEach((row) => (row.hidden = !row.textContent.toLowerCase().includes(event.target.value.toLowerCase()))) } });
  return set(
    place,
    h("p", { class: "lead" }, "A client that the contract is written for survives every legal variant. A variant holds until you stop it."),
    chosen.name && h("p", { class: "banner" }, "Answers are varied: ", h("code", {}, chosen.name), " ", button("Back to plain answers", () => choose(null, {}))),
    variants.length > 8 && search, h("ul", { class: "choices" }, rows),
  );
}
