// Pieces that several views show: statuses, bars, timelines, JSON with marks, differences.

import { h, svg } from "./dom.js";

/** `2` to `5` by status; `x` where the client got no sound answer. */
export const classOf = (call) => (call.fault && call.fault !== "NOT_JSON" ? "x" : call.response ? String(call.response.status)[0] : "x");

export const statusOf = (call) => (classOf(call) === "x" ? (call.fault ? "fault" : "none") : call.response.status);

export function pill(text, kind) {
  return h("span", { class: `pill s${kind}` }, text);
}

/** A method in its colour. */
export const methodOf = (method) => h("span", { class: `method m-${method.toLowerCase()}` }, method);

export const statusPill = (call) => pill(statusOf(call), classOf(call));

/** `12:03:01.123` of an RFC 3339 time. */
export const clockTime = (text) => text.slice(11, 23);

export function millis(value) {
  if (value === null || value === undefined) return "…";
  if (value < 1000) return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
  return `${(value / 1000).toFixed(value < 10000 ? 2 : 0)} s`;
}

export const pathOf = (call) => {
  const query = Object.entries(call.request.query).flatMap(([name, values]) => values.map((value) => `${name}=${value}`));
  return call.request.path + (query.length ? `?${query.join("&")}` : "");
};

/** One bar of several parts: `[{ kind, count, label }]`. */
export function stackedBar(parts, label) {
  const total = parts.reduce((sum, part) => sum + part.count, 0);
  const bar = h("div", { class: "bar", role: "img", "aria-label": `${label}: ${parts.filter((part) => part.count).map((part) => `${part.count} × ${part.label}`).join(", ") || "none"}` });
  for (const part of parts) {
    if (!part.count) continue;
    bar.append(h("span", { class: `s${part.kind}`, title: `${part.count} × ${part.label}`, css: { "flex-grow": String(part.count) } }));
  }
  if (!total) bar.classList.add("none");
  return bar;
}

/** How much of a whole is reached. */
export function meter(value, whole, label) {
  const share = whole ? value / whole : 0;
  return h(
    "div", { class: "meter", role: "img", "aria-label": `${label}: ${value} of ${whole}` },
    h("span", { css: { width: `${share * 100}%` } }),
  );
}

/** The newest calls as bars: colour by status, height by duration (logarithmic). */
export function pulse(calls, chosen, width) {
  const height = 46;
  const step = 8;
  const shown = calls.slice(-Math.floor(width / step));
  const bars = shown.map((call, index) => {
    const size = 6 + 36 * Math.min(1, Math.log10(1 + (call.durationMs ?? 0)) / 3.5);
    return svg(
      "rect", {
        class: `s${classOf(call)}${call.id === chosen ? " chosen" : ""}`, x: width - (shown.length - index) * step + 1, y: height - size,
        width: step - 2, height: size, rx: 1.5,
      },
      svg("title", {}, `${call.number}: ${statusOf(call)} ${call.reason}, ${millis(call.durationMs)}`),
    );
  });
  const failed = shown.filter((call) => "45x".includes(classOf(call))).length;
  return svg(
    "svg", { class: "pulse", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `The newest ${shown.length} calls, ${failed} of them without success` },
    svg("line", { x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5 }), bars,
  );
}

/** What one client did: its calls in a row, spaced by the time between them. */
export function story(calls, chosen, open) {
  const at = calls.findIndex((call) => call.id === chosen.id);
  const shown = calls.slice(Math.max(0, at - 6), at + 7);
  const list = h("ol", { class: "story", "aria-label": "Calls of this credential, in their order" });
  shown.forEach((call, index) => {
    const before = shown[index - 1];
    const gap = before ? Date.parse(call.receivedAt) - Date.parse(before.receivedAt) : 0;
    const isChosen = call.id === chosen.id;
    list.append(
      h(
        "li", { css: { "--gap": String(Math.min(1, Math.log10(1 + gap) / 6)) } },
        before && h("span", { class: "gap" }, gap < 1 ? "" : `+${millis(gap)}`),
        h(
          "button", { type: "button", class: `dot s${classOf(call)}`, "aria-current": isChosen ? "true" : undefined, on: { click: () => open(call.id) },
            "aria-label": `Call ${call.number}: ${call.operation ?? call.request.method} ${statusOf(call)} ${call.reason}` },
          statusOf(call),
        ),
        h("span", { class: "what" }, call.operation ?? call.request.method),
      ),
    );
  });
  return list;
}

const escapePointer = (name) => String(name).replaceAll("~", "~0").replaceAll("/", "~1");

/** JSON as lines, each with its pointer; `marks` are `[{ pointer, text }]`, shown at their place. */
export function json(value, marks = []) {
  const lines = h("pre", { class: "json", tabindex: "0" });
  const open = new Map();
  for (const mark of marks) open.set(mark.pointer, [...(open.get(mark.pointer) ?? []), mark.text]);
  const wrote = (pointer, depth, ...content) => {
    const notes = open.get(pointer);
    const line = h("span", { class: notes ? "line bad" : "line", css: { "--depth": String(depth) } }, content);
    if (notes) {
      open.delete(pointer);
      line.append(h("span", { class: "note" }, notes.join("; ")));
    }
    lines.append(line, "\n");
  };
  const missing = (pointer, depth) => {
    for (const [place, notes] of [...open]) {
      const cut = place.lastIndexOf("/");
      if (cut < 0 || place.slice(0, cut) !== pointer) continue;
      open.delete(place);
      const name = place.slice(cut + 1).replaceAll("~1", "/").replaceAll("~0", "~");
      lines.append(
        h("span", { class: "line bad ghost", css: { "--depth": String(depth) } }, "  ".repeat(depth), h("span", { class: "key" }, JSON.stringify(name)), h("span", { class: "note" }, notes.join("; "))), "\n",
      );
    }
  };
  const write = (item, pointer, depth, head, tail) => {
    const pad = "  ".repeat(depth);
    if (item !== null && typeof item === "object") {
      const isList = Array.isArray(item);
      const entries = Object.entries(item);
      const hasMissing = [...open.keys()].some((place) => place.startsWith(`${pointer}/`));
      if (!entries.length && !hasMissing) return wrote(pointer, depth, pad, head, isList ? "[]" : "{}", tail);
      wrote(pointer, depth, pad, head, isList ? "[" : "{");
      entries.forEach(([name, child], index) => {
        const key = isList ? [] : [h("span", { class: "key" }, JSON.stringify(name)), ": "];
        write(child, `${pointer}/${escapePointer(name)}`, depth + 1, key, index < entries.length - 1 ? "," : "");
      });
      missing(pointer, depth + 1);
      lines.append(h("span", { class: "line", css: { "--depth": String(depth) } }, pad, isList ? "]" : "}", tail), "\n");
      return undefined;
    }
    const kind = item === null ? "null" : typeof item;
    return wrote(pointer, depth, pad, head, h("span", { class: kind }, JSON.stringify(item)), tail);
  };
  write(value, "", 0, [], "");
  for (const notes of open.values()) lines.append(h("span", { class: "line bad ghost" }, h("span", { class: "note" }, notes.join("; "))), "\n");
  return lines;
}

/** A body: JSON as a tree, a text as it is. */
export function body(value, marks) {
  if (value === null || value === undefined) {
    if (!marks?.length) return h("p", { class: "quiet" }, "No body.");
    return h("ul", { class: "violations" }, marks.map((mark) => h("li", {}, h("code", {}, mark.pointer || "the body"), " ", mark.text)));
  }
  if (typeof value === "string") return h("div", {}, h("pre", { class: "text", tabindex: "0" }, value), marks?.length ? body(null, marks) : null);
  return json(value, marks);
}

/** Headers, one row for each value. */
export function headerTable(headers) {
  const rows = Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value) => [name, value]));
  if (!rows.length) return h("p", { class: "quiet" }, "No headers.");
  return h("dl", { class: "headers" }, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** Expected against actual, one difference after the other. */
export function differences(list) {
  if (!list.length) return h("p", { class: "quiet" }, "No difference: it would answer this request now.");
  return h(
    "table", { class: "diffs" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Where"), h("th", { scope: "col" }, "The stub asks for"), h("th", { scope: "col" }, "The call had"))),
    h("tbody", {}, list.map((item) => h(
      "tr", {},
      h("th", { scope: "row" }, `${item.in} ${item.pointer}`.trim()),
      h("td", { class: "minus" }, h("small", {}, item.operator), " ", h("code", {}, show(item.expected))),
      h("td", { class: "plus" }, h("code", {}, item.actual === null ? "nothing" : show(item.actual))),
    ))),
  );
}

const show = (value) => (typeof value === "string" ? value : JSON.stringify(value));

/** A unified diff, coloured line by line. */
export function unified(text) {
  return h(
    "pre", { class: "unified", tabindex: "0" },
    text.split("\n").map((line) => [
      h("span", { class: /^(---|\+\+\+|@@)/.test(line) ? "head" : line[0] === "+" ? "plus" : line[0] === "-" ? "minus" : "" }, line), "\n",
    ]),
  );
}

/** What the server refused, each problem with its pointer. */
export function problems(error) {
  return h(
    "div", { class: "problems", role: "alert" },
    h("p", {}, h("strong", {}, error.status ? `Refused (${error.status}).` : "It did not work."), " Fix every item:"),
    h("ul", {}, (error.problems ?? [{ title: error.message, pointer: "" }]).map((problem) => h("li", {}, problem.pointer && h("code", {}, problem.pointer), " ", problem.title))),
  );
}

/** A heading with what can be done beside it. */
export const heading = (text, ...actions) => h("div", { class: "heading" }, h("h1", {}, text), h("div", { class: "actions" }, actions));

/** A list of which only the rows in sight are made. `row(item)` gives one; all are `height` pixels high. */
export function virtualList({ label, height, row, keyOf, choose }) {
  const inner = h("div", { class: "rows" });
  const box = h("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": label }, inner);
  let items = [];
  let active = null;
  const draw = () => {
    const first = Math.max(0, Math.floor(box.scrollTop / height) - 6);
    const last = Math.min(items.length, Math.ceil((box.scrollTop + box.clientHeight) / height) + 6);
    inner.style.setProperty("height", `${items.length * height}px`);
    inner.replaceChildren(...items.slice(first, last).map((item, offset) => {
      const key = keyOf(item);
      const element = row(item);
      element.id = `row-${key}`;
      element.setAttribute("role", "option");
      element.setAttribute("aria-selected", String(key === active));
      element.setAttribute("aria-posinset", String(first + offset + 1));
      element.setAttribute("aria-setsize", String(items.length));
      element.style.setProperty("top", `${(first + offset) * height}px`);
      element.addEventListener("click", () => move(key, true));
      return element;
    }));
    if (active !== null && document.getElementById(`row-${active}`)) box.setAttribute("aria-activedescendant", `row-${active}`);
    else box.removeAttribute("aria-activedescendant");
  };
  const move = (key, isChosen) => {
    active = key;
    const index = items.findIndex((item) => keyOf(item) === key);
    if (index >= 0) {
      if (index * height < box.scrollTop) box.scrollTop = index * height;
      else if ((index + 1) * height > box.scrollTop + box.clientHeight) box.scrollTop = (index + 1) * height - box.clientHeight;
    }
    draw();
    if (isChosen) choose(key);
  };
  box.addEventListener("scroll", draw, { passive: true });
  box.addEventListener("keydown", (event) => {
    const index = items.findIndex((item) => keyOf(item) === active);
    const page = Math.max(1, Math.floor(box.clientHeight / height) - 1);
    const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -items.length, End: items.length };
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in steps && items.length) {
      event.preventDefault();
      move(keyOf(items[Math.min(items.length - 1, Math.max(0, index + steps[event.key]))]), false);
    } else if (event.key === "Enter" && active !== null) {
      event.preventDefault();
      choose(active);
    }
  });
  new ResizeObserver(draw).observe(box);
  return {
    element: box,
    /** Show other items; the place in the list stays where it is, unless that is its head. */
    show(next, { keepsPlace = true } = {}) {
      const added = keepsPlace && box.scrollTop > 0 && items.length ? next.findIndex((item) => keyOf(item) === keyOf(items[0])) : 0;
      items = next;
      draw();
      if (added > 0) box.scrollTop += added * height;
    },
    mark(key) {
      active = key;
      draw();
    },
  };
}
