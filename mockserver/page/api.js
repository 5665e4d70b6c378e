// The control API of one namespace. The admin token is asked for, kept for this tab, and sent as a header.

import { dialog, field, h } from "./dom.js";

export const base = document.documentElement.dataset.base;
export const namespace = /^\/~([a-z0-9-]{1,40})\//.exec(base)?.[1] ?? "default";
const KEPT = "mockserver-admin-token";
let asking = null;

/** What the server refused: `problems` has everything that is wrong, each with its JSON pointer. */
export class Refusal extends Error {
  constructor(status, problems) {
    super(problems.map((problem) => problem.title).join("; ") || `status ${status}`);
    this.status = status;
    this.problems = problems;
  }
}

function authorization() {
  const token = sessionStorage.getItem(KEPT);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function askForToken() {
  asking ??= (async () => {
    const input = h("input", { type: "password", autocomplete: "off", required: true });
    await dialog(
      "Admin token", h("p", {}, "This server asks for its admin token. It is kept for this tab only."),
      field("Token", input), h("div", { class: "actions" }, h("button", { class: "main" }, "Continue")),
    );
    sessionStorage.setItem(KEPT, input.value.trim());
    asking = null;
  })();
  await asking;
}

/** One request to the control API, as a Response. Asks for the token for as long as one is missing. */
export async function send(method, path, { body, headers = {}, signal, root = base } = {}) {
  for (;;) {
    const response = await fetch(root + path, {
      method, signal, cache: "no-store",
      headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers, ...authorization() },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (response.status !== 401) return response;
    await askForToken();
  }
}

/** One control call: its JSON value, or its text. Throws a Refusal. */
export async function call(method, path, body, options = {}) {
  const response = await send(method, path, { ...options, body });
  const type = response.headers.get("content-type") ?? "";
  const text = await response.text();
  const value = type.startsWith("application/json") && text ? JSON.parse(text) : text;
  if (response.ok) return value;
  const problems = (value.errors ?? []).map((error) => ({ title: error.title, pointer: error.source?.pointer ?? "" }));
  throw new Refusal(response.status, problems.length ? problems : [{ title: `the server answered ${response.status}`, pointer: "" }]);
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);
export const put = (path, body) => call("PUT", path, body);
export const del = (path) => call("DELETE", path);

/** The control API of another namespace. */
export const baseOf = (name) => (name === "default" ? "/__admin" : `/~${name}/__admin`);

/** Resolves when somebody can see the page. */
const seen = () => new Promise((resolve) => {
  if (!document.hidden) resolve();
  else document.addEventListener("visibilitychange", resolve, { once: true });
});

/** Follow the calls from a number on, for ever, as long as somebody can see the page: a browser has six
    connections to a server, and each open tab would take one. `onState` is told "live" or "waiting". */
export async function follow(after, { onCall, onDropped, onState }) {
  let last = after;
  let stream = new AbortController();
  const end = () => stream.abort();
  addEventListener("pagehide", end);
  document.addEventListener("visibilitychange", () => document.hidden && end());
  for (let pause = 500; ; pause = Math.min(pause * 2, 8000)) {
    await seen();
    stream = new AbortController();
    try {
      const response = await send("GET", "/events", { headers: { Accept: "text/event-stream", "Last-Event-ID": String(last) }, signal: stream.signal });
      if (response.ok) {
        onState("live");
        pause = 500;
        for await (const event of read(response.body)) {
          if (event.id !== undefined) last = Number(event.id);
          if (event.name === "call") onCall(JSON.parse(event.data));
          else if (event.name === "dropped") onDropped(JSON.parse(event.data).dropped);
        }
      }
    } catch {
      // The server is gone, or not there yet; the next try tells.
    }
    onState("waiting");
    if (stream.signal.aborted) pause = 250;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** The events of a stream (HTML, section 9.2). */
async function* read(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = {};
      for (const line of block.split("\n")) {
        const [name, text] = [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trimStart()];
        if (name === "event") event.name = text;
        else if (name === "id") event.id = text;
        else if (name === "data") event.data = text;
      }
      if (event.name) yield event;
    }
  }
}
