// The operations of the contract: how they were answered so far, and a form to try each.

import { get, send } from "./api.js";
import { choose, encode, hasForm, write } from "./bodies.js";
import { button, field, h, set } from "./dom.js";
import { body, headerTable, heading, meter, methodOf, millis, pill, problems, stackedBar } from "./parts.js";
import { control, form, hasMembers, resolve } from "./schema.js";

let cards = new Map();

export async function show(main, id) {
  const [{ operations }, { operations: coverage }, contract] = await Promise.all([get("/operations"), get("/coverage"), get("/contract")]);
  cards = new Map();
  const found = new Map(coverage.map((item) => [item.operation, item]));
  const search = h("input", { type: "search", placeholder: "Any text …", "aria-label": "Filter the operations", on: { input: (event) => filter(event.target.value) } });
  set(
    main, heading("Operations", operations.length > 8 && search),
    h("div", { class: "cards" }, operations.map((operation) => card(operation, found.get(operation.id), contract))),
  );
  open(id);
}

function filter(text) {
  for (const [id, item] of cards) item.hidden = !`${id} ${item.dataset.text}`.toLowerCase().includes(text.toLowerCase());
}

export function open(id) {
  const item = cards.get(id);
  if (!item) return true;
  item.open = true;
  item.scrollIntoView({ block: "start" });
  item.querySelector("summary").focus();
  return true;
}

function card(operation, coverage, contract) {
  const statuses = (coverage?.statuses ?? []).map((item) => ({ kind: String(item.status)[0], count: item.hits, label: String(item.status) }));
  const touched = statuses.filter((item) => item.count).length;
  const inside = h("div", { class: "inside" });
  const element = h(
    "details", { class: "card", data: { text: `${operation.method} ${operation.path} ${operation.summary}` }, on: { toggle: () => element.open && !inside.hasChildNodes() && fillCard() } },
    h("summary", {},
      methodOf(operation.method), h("code", {}, operation.path), h("span", { class: "quiet" }, operation.summary),
      h("span", { class: "grow" }), stackedBar(statuses, `Answers of ${operation.id}`), h("span", { class: "small" }, `${touched}/${statuses.length} statuses`)),
    inside,
  );
  const fillCard = () => set(inside,
    h("p", { class: "facts" }, h("code", {}, operation.id), operation.permission && [" · needs ", h("code", {}, operation.permission)]),
    h("div", { class: "statuses" }, statuses.map((item) => h("span", { class: item.count ? "" : "untouched" }, pill(item.label, item.kind), ` ${item.count}`))),
    meter(touched, statuses.length, "Documented statuses that calls have met"),
    tryIt(operation, contract));
  cards.set(operation.id, element);
  return element;
}

function describe(operation, contract) {
  for (const [path, item] of Object.entries(contract.paths ?? {})) {
    const found = resolve(item, contract)[operation.method.toLowerCase()];
    if (found && (found.operationId === operation.id || operation.path.endsWith(path))) return { item: resolve(item, contract), found };
  }
  return { item: {}, found: {} };
}

function tryIt(operation, contract) {
  const { item, found } = describe(operation, contract);
  const example = new URL(operation.example.url, location.origin);
  const parameters = [...(item.parameters ?? []), ...(found.parameters ?? [])].map((parameter) => resolve(parameter, contract)).filter((parameter) => ["query", "path", "header"].includes(parameter.in));
  const names = operation.path.split("/");
  const values = example.pathname.split("/").slice(-names.length);
  const inPath = (name) => decodeURIComponent(values[names.indexOf(`{${name}}`)] ?? "");
  const exampleHeader = (name) => Object.entries(operation.example.headers).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  const controls = parameters.map((parameter) => {
    const value = parameter.in === "path" ? inPath(parameter.name) : parameter.in === "header" ? exampleHeader(parameter.name) : (example.searchParams.get(parameter.name) ?? undefined);
    const made = control(parameter.schema ?? { type: "string" }, contract, value);
    return { parameter, ...made, row: field(`${parameter.name}${parameter.required ? " *" : ""}`, made.element, `${parameter.in}${parameter.description ? `: ${parameter.description}` : ""}`) };
  });
  const { "Content-Type": ignored, ...headers } = operation.example.headers;
  const isControl = (name) => parameters.some((parameter) => parameter.in === "header" && parameter.name.toLowerCase() === name.toLowerCase());
  const credentials = Object.entries({ ...headers, ...operation.example.cookies }).filter(([name]) => !isControl(name)).map(([name, value]) => {
    const element = h("input", { type: "text", value, autocomplete: "off", spellcheck: "false" });
    const isCookie = name in operation.example.cookies;
    return { name, element, isCookie, row: field(name, element, `${isCookie ? "A cookie. " : ""}This credential is let in, and leads into this namespace.`) };
  });
  const media = choose(resolve(found.requestBody ?? {}, contract).content);
  const text = h("textarea", { rows: "10", spellcheck: "false", value: media ? write(media[0], operation.example.body) : "" });
  const bodyField = field("Body", text);
  let members = null;
  const bodyPlace = h("div", {});
  const isForm = media && hasForm(media[0]) && hasMembers(media[1].schema ?? {}, contract);
  const toggle = isForm && button("Edit as JSON", () => {
    if (members) {
      text.value = JSON.stringify(members.read(), null, 2);
      members = null;
    } else members = form(media[1].schema, contract, JSON.parse(text.value || "{}"));
    drawBody();
  });
  const drawBody = () => {
    if (toggle) toggle.textContent = members ? "Edit as JSON" : "Edit as a form";
    set(bodyPlace, members ? members.element : media && bodyField, toggle);
  };
  if (isForm) members = form(media[1].schema, contract, operation.example.body ?? {});
  drawBody();
  const result = h("div", { class: "result", "aria-live": "polite" });
  const go = async (event) => {
    event.preventDefault();
    try {
      set(result, h("p", { class: "quiet" }, "Sending …"));
      await perform(operation, example, controls, credentials, media && encode(media[0], text.value, members?.read()), result);
    } catch (error) {
      set(result, problems(error));
    }
  };
  return h(
    "form", { class: "try", on: { submit: go } },
    h("h3", {}, "Try it"),
    h("div", { class: "fields" }, [...controls, ...credentials].map((entry) => entry.row)),
    bodyPlace,
    h("div", { class: "actions" }, h("button", { class: "main" }, `Send ${operation.method}`)), result,
  );
}

async function perform(operation, example, controls, credentials, content, place) {
  let path = `${example.pathname.split("/").slice(0, -operation.path.split("/").length).join("/")}${operation.path}`;
  const query = new URLSearchParams();
  // What the form does not show: a credential that stands in the query.
  for (const [name, value] of example.searchParams) if (!controls.some(({ parameter }) => parameter.in === "query" && parameter.name === name)) query.append(name, value);
  const headers = {};
  for (const { name, element, isCookie } of credentials) {
    if (isCookie) document.cookie = `${name}=${element.value}; path=/; SameSite=Strict`;
    else if (element.value) headers[name] = element.value;
  }
  for (const { parameter, read } of controls) {
    const value = read();
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value ?? ""));
    else if (value === undefined) continue;
    else if (parameter.in === "header") headers[parameter.name] = String(value);
    else for (const item of [value].flat()) query.append(parameter.name, typeof item === "object" ? JSON.stringify(item) : String(item));
  }
  const began = performance.now();
  const response = await fetch(`${path}${query.size ? `?${query}` : ""}`, {
    method: operation.method, cache: "no-store",
    headers: { ...headers, ...content?.headers },
    body: ["GET", "HEAD"].includes(operation.method) ? undefined : content?.body,
  });
  const said = await response.text();
  const took = performance.now() - began;
  let value = said;
  try {
    value = said === "" ? null : JSON.parse(said);
  } catch {
    // It is a text, then.
  }
  const id = response.headers.get("mockserver-call-id");
  set(
    place, h("p", { class: "facts" }, pill(response.status, String(response.status)[0]), " ", h("code", {}, response.headers.get("mockserver-reason") ?? ""), ` · ${millis(took)} · `, id && h("a", { href: `#calls/${id}` }, "the call")),
    body(value), h("details", {}, h("summary", {}, "Headers"), headerTable(Object.fromEntries(response.headers))),
  );
}
