// The calls as they come, and one of them: what was asked, what was answered, and why.

import { get, post, send } from "./api.js";
import { ask, button, copy, dialog, download, h, select, set, toast } from "./dom.js";
import { find, journal, reload, watch } from "./journal.js";
import { body, classOf, clockTime, differences, headerTable, heading, methodOf, millis, pathOf, pill, problems, pulse, statusOf, statusPill, story, virtualList } from "./parts.js";
import { editStub } from "./stubs.js";

const filter = { text: "", operation: "", status: "", reason: "", notes: false };
let list = null;
let detail = null;
let frame = null;
let chosen = null;
let search = null;

const isNarrow = () => matchMedia("(max-width: 1050px)").matches;

function fits(call) {
  if (filter.operation && (call.operation ?? "none") !== filter.operation) return false;
  if (filter.status && classOf(call) !== filter.status && String(statusOf(call)) !== filter.status) return false;
  if (filter.reason && call.reason !== filter.reason) return false;
  if (filter.notes && !call.violations.length && !call.warnings.length) return false;
  if (!filter.text) return true;
  call.searched ??= JSON.stringify([call.request, call.response?.body, call.reason, call.operation, call.credential.display, call.warnings, call.id]).toLowerCase();
  return call.searched.includes(filter.text.toLowerCase());
}

function row(call) {
  return h(
    "div", { class: `row s${classOf(call)}` },
    h("span", { class: "number" }, call.number),
    h("time", { datetime: call.receivedAt }, clockTime(call.receivedAt)),
    statusPill(call),
    methodOf(call.request.method),
    h("span", { class: "path" }, pathOf(call)),
    h("span", { class: "operation" }, call.operation ?? ""),
    h("span", { class: "reason" }, call.reason),
    h("span", { class: "marks" },
      call.violations.length > 0 && h("span", { class: "mark bad", title: "violations" }, `${call.violations.length} ✕`),
      call.warnings.length > 0 && h("span", { class: "mark warn", title: "warnings" }, `${call.warnings.length} !`),
      call.stub && h("span", { class: "mark", title: "a stub answered" }, "stub")),
    h("span", { class: "time" }, millis(call.durationMs)),
  );
}

export function show(main, id) {
  list = virtualList({ label: "Calls, the newest first", height: isNarrow() ? 58 : 36, row, keyOf: (call) => call.id, choose: (key) => (location.hash = `calls/${key}`) });
  search = h("input", { type: "search", placeholder: "Any text …   ( / )", "aria-label": "Text", value: filter.text, on: { input: (event) => change("text", event.target.value) } });
  const beat = h("div", { class: "beat" });
  const counts = h("p", { class: "counts" });
  const filters = h("div", { class: "filters", role: "search", "aria-label": "Filter the calls" });
  detail = h("section", { class: "detail", "aria-label": "The chosen call", tabindex: "-1" });
  frame = h("div", { class: "split" }, h("div", { class: "left" }, list.element), detail);
  set(
    main,
    heading("Calls", button("Download HAR", saveHar), button("Forget all calls", forget, { class: "danger" })),
    h("div", { class: "overview" }, beat, counts), filters, frame,
  );
  let known = "";
  const draw = () => {
    const operations = [...new Set(journal.calls.map((call) => call.operation ?? "none"))].sort();
    const reasons = [...new Set(journal.calls.map((call) => call.reason))].sort();
    const statuses = [...new Set(journal.calls.map((call) => String(statusOf(call))))].sort();
    const now = JSON.stringify([operations, reasons, statuses]);
    if (now !== known && !(known && filters.contains(document.activeElement))) {
      known = now;
      const all = (word, items) => [["", word], ...items];
      set(
        filters, search,
        select(all("any operation", operations), filter.operation, (value) => change("operation", value), { "aria-label": "Operation" }),
        select(all("any status", [["2", "2xx"], ["3", "3xx"], ["4", "4xx"], ["5", "5xx"], ["x", "faults"], ...statuses]), filter.status, (value) => change("status", value), { "aria-label": "Status" }),
        select(all("any reason", reasons), filter.reason, (value) => change("reason", value), { "aria-label": "Reason" }),
        h("label", { class: "inline" }, h("input", { type: "checkbox", checked: filter.notes, on: { change: (event) => change("notes", event.target.checked) } }), "with violations or warnings"),
      );
    }
    const shown = journal.calls.filter(fits).reverse();
    list.show(shown);
    set(beat, pulse(journal.calls, chosen, Math.max(160, beat.clientWidth)));
    const gone = journal.evicted ? `, ${journal.evicted} of them evicted` : "";
    set(counts, h("strong", {}, journal.total), ` call${journal.total === 1 ? "" : "s"}${gone}`, shown.length < journal.calls.length ? `; ${shown.length} fit the filter` : "");
    frame.classList.toggle("is-empty", !journal.calls.length);
    if (!journal.calls.length) set(detail, nothing());
    else if (chosen && find(chosen)?.state !== detail.dataset.state) open(chosen);
  };
  const end = watch(draw);
  draw();
  open(id, false);
  return end;
}

function change(name, value) {
  filter[name] = value;
  const shown = journal.calls.filter(fits).reverse();
  list.show(shown, { keepsPlace: false });
}

function nothing() {
  return h(
    "div", { class: "empty" }, h("h2", {}, "No call yet"),
    h("p", {}, "Point your client at this server, or try an operation here. Each call appears at once."),
    h("p", {}, h("a", { class: "button", href: "#operations" }, "Try an operation")),
  );
}

export function open(id, isMoved = true) {
  const isNew = chosen !== (id || null);
  chosen = id || null;
  list.mark(chosen);
  frame.classList.toggle("has-detail", Boolean(chosen));
  if (!chosen) {
    if (journal.calls.length) set(detail, h("div", { class: "empty" }, h("p", {}, "Choose a call to see what was asked, what was answered, and why.")));
    return true;
  }
  const call = find(chosen);
  if (!call) {
    set(detail, h("div", { class: "empty" }, h("p", {}, "The journal does not hold this call any more.")));
    return true;
  }
  drawDetail(call);
  // Not at the start: then the list, or the head of the page, has the focus.
  if (isNew && isMoved) detail.focus({ preventScroll: true });
  return true;
}

export function onKey(event) {
  if (event.key === "/") search.focus();
  else if (event.key === "Escape" && chosen) {
    location.hash = "calls";
    list.element.focus();
  } else if (["j", "k", "ArrowDown", "ArrowUp"].includes(event.key) && document.activeElement !== list.element && !detail.contains(document.activeElement)) list.element.focus();
  else if (chosen && event.key === "c") exportAs("curl");
  else if (chosen && event.key === "p") exportAs("pytest");
  else if (chosen && event.key === "h") exportAs("har");
  else if (chosen && event.key === "n") failNext(find(chosen));
  else return false;
  return true;
}

/** Whether it is the answer that breaks the contract: of a call that was passed on. */
function isOfAnswer(violation) {
  return violation.in.startsWith("response");
}

/** Why the call was answered so, in a sentence. */
function explain(call) {
  const said = call.response?.body;
  const text = typeof said === "object" && said !== null ? (said.message ?? said.detail ?? said.title ?? said.error?.message) : null;
  const parts = [];
  if (call.stub) parts.push(h("p", {}, "The stub ", h("a", { href: `#stubs/${call.stub.id}` }, call.stub.name ?? call.stub.id), call.fault ? ` did the damage ${call.fault}` : " answered", call.phase === "after_commit" ? ", after the operation was carried out." : "."));
  const ofAnswer = call.violations.filter(isOfAnswer).length;
  for (const [who, count] of [["request", call.violations.length - ofAnswer], ["answer of the real API", ofAnswer]]) {
    if (count) parts.push(h("p", {}, `The ${who} breaks the contract in ${count} place${count === 1 ? "" : "s"}.`));
  }
  if (call.reason === "proxied") parts.push(h("p", {}, "The real API answered."));
  if (!call.operation && !call.stub) parts.push(h("p", {}, "Neither an operation of the contract nor a stub fits the request."));
  if (call.state === "disconnected") parts.push(h("p", {}, "The client left before the answer was complete."));
  if (call.retry) parts.push(h("p", { class: call.retry.respected ? "" : "warn" }, `An earlier answer asked to wait ${call.retry.askedSeconds} s; this call came after ${call.retry.waitedSeconds} s.`));
  if (call.variant) parts.push(h("p", {}, "The answer is the variant ", h("code", {}, call.variant), "."));
  if (typeof text === "string" && "45".includes(classOf(call))) parts.push(h("p", { class: "said" }, text));
  if (!parts.length) parts.push(h("p", {}, call.operation ? "The operation was carried out by the contract." : "It was answered."));
  return parts;
}

/** How long it took, from its arrival to the end of its answer. */
function timeline(call) {
  const took = call.durationMs ?? 0;
  const ends = { in_flight: "not over yet", answered: "answered", faulted: "damaged", disconnected: "the client left" };
  return h(
    "div", { class: "timeline", role: "img", "aria-label": `Received at ${call.receivedAt}, ${ends[call.state]} after ${millis(call.durationMs)}` },
    h("span", { class: "moment" }, h("strong", {}, "received"), clockTime(call.receivedAt)),
    h("span", { class: `track s${classOf(call)}${call.state === "in_flight" ? " waiting" : ""}`, css: { "--share": String(0.15 + 0.85 * Math.min(1, Math.log10(1 + took) / 4)) } }, h("span", {}, millis(call.durationMs))),
    h("span", { class: "moment end" }, h("strong", {}, ends[call.state]), call.response ? String(call.response.status) : "no answer"),
  );
}

function drawDetail(call) {
  detail.dataset.state = call.state;
  const marksIn = (place) => call.violations.filter((item) => item.in === place).map((item) => ({ pointer: item.pointer, text: item.message }));
  const elsewhere = call.violations.filter((item) => !item.in.endsWith("body"));
  const near = h("div", { class: "near" });
  const nearest = h("section", {}, h("h3", {}, "Nearest stubs"), near);
  const exported = h("div", { class: "exported", id: "exported" });
  const own = journal.calls.filter((other) => other.credential.fingerprint === call.credential.fingerprint);
  set(
    detail,
    h("div", { class: "actions bar-of-actions" },
      button("←", () => (location.hash = "calls"), { class: "icon back", "aria-label": "Back to the list" }),
      button("curl", () => exportAs("curl"), { title: "Copy as a line for curl (c)", "aria-keyshortcuts": "c" }),
      button("pytest", () => exportAs("pytest"), { title: "Copy as a pytest test (p)", "aria-keyshortcuts": "p" }),
      button("HAR", () => exportAs("har"), { title: "Copy as HAR (h)", "aria-keyshortcuts": "h" }),
      button("Make a stub", () => editStub(stubOf(call)), { disabled: !call.response, title: "Answer equal requests as this one was answered" }),
      call.operation && button("Fail the next", () => failNext(call), { title: "Fail the next call of this operation (n)", "aria-keyshortcuts": "n" })),
    h("h2", { class: "title" }, statusPill(call), " ", methodOf(call.request.method), " ", h("code", {}, pathOf(call))),
    h("p", { class: "facts" }, `Call ${call.number}`, call.operation ? [" · ", h("a", { href: `#operations/${call.operation}` }, call.operation)] : " · no operation", " · ", h("code", { class: "reason" }, call.reason), " · ", call.credential.display ?? "no credential"),
    timeline(call),
    exported,
    h("section", { class: `why s${classOf(call)}` }, h("h3", {}, "Why"), explain(call)),
    !call.stub && !call.operation && nearest,
    elsewhere.length > 0 && h("section", {}, h("h3", {}, "Violations outside the bodies"),
      h("ul", { class: "violations" }, elsewhere.map((item) => h("li", {}, pill(item.in, "4"), " ", h("code", {}, item.pointer || "/"), " ", item.message, " ", h("small", {}, item.keyword))))),
    call.warnings.length > 0 && h("section", {}, h("h3", {}, "Warnings"), h("ul", { class: "warnings" }, call.warnings.map((item) => h("li", {}, h("code", {}, item.code), " ", item.message)))),
    h("div", { class: "pair" },
      h("section", {}, h("h3", {}, "Request"), h("h4", {}, "Headers"), headerTable(call.request.headers), h("h4", {}, "Body"), body(call.request.body, marksIn("body")), call.request.bodyTruncated && h("p", { class: "warn" }, "The body was cut where it was kept.")),
      h("section", {}, h("h3", {}, "Answer"), call.response ? [h("h4", {}, "Headers"), headerTable(call.response.headers), h("h4", {}, "Body"), body(call.response.body, marksIn("response body"))] : h("p", { class: "quiet" }, "None."))),
    own.length > 1 && h("section", {}, h("h3", {}, "What this client did"), story(own, call, (other) => (location.hash = `calls/${other}`))),
    !call.stub && call.operation && nearest,
  );
  if (!call.stub) drawNear(call, near);
}

async function drawNear(call, place) {
  set(place, h("p", { class: "quiet" }, "Looking …"));
  try {
    const { nearMisses } = await get(`/calls/${call.id}/near-misses`);
    if (!nearMisses.length) return set(place, h("p", { class: "quiet" }, "There is no stub."));
    return set(place, nearMisses.map((item, index) => h(
      "details", { open: index === 0 },
      h("summary", {}, h("span", { class: "likeness", css: { "--share": String(1 - item.distance) } }), ` ${Math.round((1 - item.distance) * 100)} % alike: `, h("a", { href: `#stubs/${item.stub.id}` }, item.stub.name ?? item.stub.id)),
      differences(item.differences),
    )));
  } catch (error) {
    return set(place, problems(error));
  }
}

async function exportAs(format) {
  const response = await send("GET", `/calls/${chosen}?format=${format}`);
  const text = await response.text();
  const area = h("textarea", { readonly: true, rows: String(Math.min(14, text.split("\n").length + 1)), "aria-label": `The call as ${format}`, value: text });
  set(document.getElementById("exported"), h("h3", {}, { curl: "As a line for curl", pytest: "As a pytest test", har: "As HAR" }[format]), area);
  area.select();
  await copy(text, { curl: "curl line", pytest: "pytest test", har: "HAR" }[format]);
}

async function failNext(call) {
  if (!call.operation) return;
  const status = h("select", { "aria-label": "Status" }, [429, 500, 503, 409, 401].map((item) => h("option", { value: item, selected: item === 500 }, item)));
  const times = h("input", { type: "number", min: "1", value: "1", "aria-label": "Times" });
  const answer = await dialog(
    `Fail the next ${call.operation}`, h("p", {}, "A stub answers with this status, and is used up by it."),
    h("div", { class: "actions" }, h("label", { class: "inline" }, "Status ", status), h("label", { class: "inline" }, "Times ", times)),
    h("div", { class: "actions" }, h("button", { value: "yes", class: "main" }, "Script it"), h("button", { value: "no" }, "Cancel")),
  );
  if (answer !== "yes") return;
  try {
    const outcome = { status: Number(status.value), times: Number(times.value) };
    const tried = await post("/queue", { operation: call.operation, outcomes: [outcome] }).catch(() => post("/queue", { operation: call.operation, outcomes: [{ ...outcome, offContract: true }] }));
    toast(`The next ${times.value === "1" ? "call" : `${times.value} calls`} of ${call.operation}: ${status.value} (${tried.mappings.length} stub)`);
  } catch (error) {
    toast(error.message, "bad");
  }
}

/** A stub that answers an equal request as this call was answered. */
function stubOf(call) {
  const kept = Object.fromEntries(Object.entries(call.response.headers).filter(([name]) => !/^(mockserver-|content-length$|date$|connection$|transfer-encoding$)/.test(name)));
  const query = Object.fromEntries(Object.entries(call.request.query).map(([name, values]) => [name, { equalTo: values[0] }]));
  const said = call.response.body;
  return {
    name: `as call ${call.number}`,
    request: { method: call.request.method, urlPath: call.request.path, ...(Object.keys(query).length ? { queryParameters: query } : {}) },
    response: { status: call.response.status, headers: kept, ...(said === null ? {} : typeof said === "string" ? { body: said } : { jsonBody: said }) },
  };
}

async function saveHar() {
  const response = await send("GET", "/har");
  download("calls.har", await response.text(), "application/json");
}

async function forget() {
  if (!(await ask("Forget all calls?", "Stubs, keys and the clock stay as they are.", "Forget them"))) return;
  await post("/requests/reset");
  chosen = null;
  location.hash = "calls";
  await reload();
}
