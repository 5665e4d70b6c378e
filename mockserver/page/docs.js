// An OpenAPI document, to read and to try: the contract, or the control API itself.

import { base, send } from "./api.js";
import { choose, encode, write } from "./bodies.js";
import { button, field, h, prose, set } from "./dom.js";
import { body, headerTable, json, millis, pill, problems } from "./parts.js";
import { control, resolve } from "./schema.js";
import { themeButton } from "./theme.js";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const main = document.getElementById("main");
const source = document.documentElement.dataset.document;

async function show() {
  const document_ = await (await send("GET", source, { root: "" })).json();
  const entries = Object.entries(document_.paths ?? {}).flatMap(([path, raw]) => {
    const item = resolve(raw, document_);
    return METHODS.filter((method) => item[method]).map((method) => ({ path, method, item, operation: item[method], id: `${method}${path}`.replace(/[^A-Za-z0-9]+/g, "-") }));
  });
  document.title = `${document_.info.title} ${document_.info.version}`;
  set(
    document.getElementById("top"),
    h("a", { class: "brand", href: `${base}/` }, h("img", { src: `${base}/page/icon.svg`, alt: "", width: "26", height: "26" }), h("strong", {}, "mockserver")),
    h("span", { class: "grow" }), h("a", { href: source }, "The document"), themeButton(),
  );
  drawNav(entries);
  const server = here(document_);
  set(
    main,
    h("h1", {}, document_.info.title, " ", h("small", {}, document_.info.version)),
    document_.info.description && h("p", { class: "lead" }, prose(document_.info.description)),
    h("p", { class: "facts" }, "Server: ", h("code", {}, server)),
    entries.map((entry) => section(entry, document_, server)),
    h("h2", { id: "schemas" }, "Schemas"),
    Object.entries(document_.components?.schemas ?? {}).map(([name, schema]) => shape(name, schema, document_)),
  );
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

/** A schema by its name, written when it is opened. */
function shape(name, schema, document_) {
  const inside = h("div", { class: "inside" });
  const element = h("details", { class: "card", id: `schema-${name}`, on: { toggle: () => element.open && !inside.hasChildNodes() && set(inside, tree(schema, document_)) } }, h("summary", {}, h("code", {}, name)), inside);
  return element;
}

/** The server of the document that is this one. */
function here(document_) {
  const urls = (document_.servers ?? []).map((server) => server.url);
  return urls.find((url) => url.startsWith(location.origin)) ?? location.origin;
}

function drawNav(entries) {
  const groups = new Map();
  for (const entry of entries) {
    const tag = entry.operation.tags?.[0] ?? "operations";
    groups.set(tag, [...(groups.get(tag) ?? []), entry]);
  }
  set(document.getElementById("nav"), [...groups].map(([tag, items]) => [
    h("h2", {}, tag),
    h("ul", {}, items.map((entry) => h("li", {}, h("a", { href: `#${entry.id}` }, h("span", { class: `method m-${entry.method}` }, entry.method), " ", entry.path)))),
  ]));
}

/** An operation: its head at once, the rest when it comes near what is seen. A contract may have a thousand. */
function section(entry, document_, server) {
  const inside = h("div", { class: "rest" });
  const element = h(
    "article", { class: "op panel", id: entry.id, "aria-labelledby": `${entry.id}-title` },
    h("h2", { id: `${entry.id}-title` }, h("span", { class: `method m-${entry.method}` }, entry.method.toUpperCase()), " ", h("code", {}, entry.path)),
    h("p", {}, prose(entry.operation.summary), entry.operation.deprecated ? " (deprecated)" : ""), inside,
  );
  const near = new IntersectionObserver((entries) => {
    if (!entries.some((item) => item.isIntersecting)) return;
    near.disconnect();
    set(inside, details(entry, document_, server));
  }, { rootMargin: "900px" });
  near.observe(element);
  return element;
}

function details(entry, document_, server) {
  const { operation, item } = entry;
  const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((parameter) => resolve(parameter, document_));
  const request = resolve(operation.requestBody ?? {}, document_);
  return [
    operation.description && h("p", { class: "quiet" }, prose(operation.description)),
    parameters.length > 0 && [h("h3", {}, "Parameters"), h("div", { class: "scroll" }, h("table", {}, h("tbody", {}, parameters.map((parameter) => h(
      "tr", {}, h("th", { scope: "row" }, h("code", {}, parameter.name), parameter.required ? " *" : ""), h("td", {}, pill(parameter.in, "3")), h("td", {}, brief(parameter.schema ?? {}, document_)), h("td", { class: "quiet" }, prose(parameter.description)),
    )))))],
    Object.entries(request.content ?? {}).map(([type, content]) => [
      h("h3", {}, "Body ", h("small", {}, type)), tree(content.schema ?? {}, document_),
      exampleOf(content) !== undefined && h("details", {}, h("summary", {}, "Example"), body(exampleOf(content))),
    ]),
    h("h3", {}, "Answers"),
    h("div", { class: "answers" }, Object.entries(operation.responses ?? {}).map(([status, raw]) => {
      const answer = resolve(raw, document_);
      return h(
        "details", {}, h("summary", {}, pill(status, /^\d/.test(status) ? status[0] : "3"), " ", prose(answer.description)),
        h("div", { class: "inside" }, Object.entries(answer.content ?? {}).map(([type, content]) => [
          h("h4", {}, type), tree(content.schema ?? {}, document_), exampleOf(content) !== undefined && json(exampleOf(content)),
        ])),
      );
    })),
    tryIt(entry, parameters, request, document_, server),
  ];
}

function exampleOf(content) {
  if (content.example !== undefined) return content.example;
  const first = Object.values(content.examples ?? {})[0];
  return first?.value;
}

/** A schema in a few words. */
function brief(raw, document_, depth = 0) {
  const name = raw.$ref?.startsWith("#/components/schemas/") && raw.$ref.split("/").pop();
  if (name) return h("a", { href: `#schema-${name}` }, name);
  const schema = raw === true ? {} : raw;
  const words = [];
  if (schema.enum) words.push(schema.enum.map((item) => JSON.stringify(item)).join(" | "));
  else if (schema.const !== undefined) words.push(JSON.stringify(schema.const));
  else if (schema.type) words.push([schema.type].flat().join(" | "));
  if (schema.items && depth < 3) words.push(" of ", brief(schema.items, document_, depth + 1));
  for (const key of ["oneOf", "anyOf", "allOf"]) if (schema[key] && depth < 3) words.push(schema[key].map((part, index) => [index ? (key === "allOf" ? " & " : " | ") : "", brief(part, document_, depth + 1)]));
  for (const key of ["format", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "default"]) if (schema[key] !== undefined) words.push(` ${key} ${JSON.stringify(schema[key])}`);
  return h("span", { class: "schema" }, words.length ? words : "any value");
}

/** A schema member by member. */
function tree(raw, document_, depth = 0) {
  const schema = resolve(raw, document_);
  const members = Object.entries(schema.properties ?? {});
  if (!members.length || depth > 4) return h("p", {}, brief(raw, document_));
  return h(
    "dl", { class: "tree" },
    members.map(([name, member]) => {
      const plain = member === true ? {} : member;
      const isNested = !plain.$ref && plain.properties;
      return [
        h("dt", {}, h("code", {}, name), schema.required?.includes(name) ? " *" : ""),
        h("dd", {}, brief(plain, document_), plain.description && h("span", { class: "quiet" }, ` ${plain.description}`), isNested && tree(plain, document_, depth + 1)),
      ];
    }),
  );
}

function tryIt(entry, parameters, request, document_, server) {
  const place = h("div", {});
  const element = h("details", { class: "try", on: { toggle: () => element.open && !place.hasChildNodes() && fill() } }, h("summary", {}, "Try it"), place);
  const fill = () => {
    const controls = parameters.filter((parameter) => ["query", "path", "header"].includes(parameter.in)).map((parameter) => {
      const made = control(parameter.schema ?? { type: "string" }, document_, parameter.example);
      return { parameter, ...made, row: field(`${parameter.name}${parameter.required ? " *" : ""}`, made.element) };
    });
    const [type, content] = choose(request.content) ?? [];
    const example = content && exampleOf(content);
    const text = h("textarea", { rows: "8", spellcheck: "false", value: type ? write(type, example) : "" });
    const isControl = source.endsWith("/openapi.json") && source.includes("__admin");
    const key = h("input", { type: "text", autocomplete: "off", spellcheck: "false", value: isControl ? "" : "Bearer sk_test_local" });
    const result = h("div", { "aria-live": "polite" });
    set(place, h("div", { class: "fields" }, controls.map((item) => item.row), !isControl && field("Authorization", key)), type && field("Body", text), h("div", { class: "actions" }, button("Send", async () => {
      try {
        const path = fillPath(entry.path, controls);
        const headers = isControl || !key.value ? {} : { Authorization: key.value };
        for (const { parameter, read } of controls) if (parameter.in === "header" && read() !== undefined) headers[parameter.name] = String(read());
        set(result, h("p", { class: "quiet" }, "Sending …"));
        await perform(entry.method.toUpperCase(), new URL(server).pathname.replace(/\/$/, "") + path, headers, type && text.value.trim() ? encode(type, text.value) : undefined, isControl, result);
      } catch (error) {
        set(result, problems(error));
      }
    }, { class: "main" })), result);
  };
  return element;
}

function fillPath(template, controls) {
  let path = template;
  const query = new URLSearchParams();
  for (const { parameter, read } of controls) {
    const value = read();
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value ?? ""));
    else if (parameter.in === "query" && value !== undefined) for (const item of [value].flat()) query.append(parameter.name, typeof item === "object" ? JSON.stringify(item) : String(item));
  }
  return query.size ? `${path}?${query}` : path;
}

async function perform(method, path, headers, content, isControl, place) {
  const began = performance.now();
  const response = isControl
    ? await send(method, path, { root: "", headers, body: content && JSON.parse(content.body) })
    : await fetch(path, { method, headers: { ...headers, ...content?.headers }, body: content?.body });
  if ((response.headers.get("content-type") ?? "").startsWith("text/event-stream")) {
    await response.body.cancel();
    return set(place, h("p", { class: "facts" }, pill(response.status, "2"), " A stream of events; the page follows it."));
  }
  const said = await response.text();
  let value = said;
  try {
    value = said === "" ? null : JSON.parse(said);
  } catch {
    // It is a text, then.
  }
  return set(place, h("p", { class: "facts" }, pill(response.status, String(response.status)[0]), ` · ${millis(performance.now() - began)}`), body(value), h("details", {}, h("summary", {}, "Headers"), headerTable(Object.fromEntries(response.headers))));
}

try {
  await show();
} catch (error) {
  set(main, problems(error));
}
