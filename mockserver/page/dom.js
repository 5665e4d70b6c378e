// Elements from data. Text becomes text nodes and nothing else, so no recorded text can become HTML.

const SVG = "http://www.w3.org/2000/svg";
// Attributes that lead somewhere may lead within this page and this server, and to what the page made itself.
const LEADING = new Set(["href", "src", "action", "formaction", "xlink:href"]);

/** An element. `props` are attributes; `on` holds listeners, `data` data attributes, `value` and the like stay properties. */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function svg(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "css") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "selected" || name === "open") element[name] = value;
    else if (LEADING.has(name)) {
      if (!/^(#|\/(?!\/)|blob:)/.test(value)) throw new Error(`${name} must stay on this server`);
      element.setAttribute(name, value);
    } else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Put other children into an element. */
export function set(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** A button; `options` are further attributes. */
export function button(text, action, options = {}) {
  return h("button", { type: "button", ...options, on: { click: action } }, text);
}

let ids = 0;
/** A control with its label above it. */
export function field(label, control, hint) {
  control.id ||= `f${(ids += 1)}`;
  const note = hint && h("small", { id: `${control.id}-hint` }, hint);
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, note);
}

/** A text in which `code` stands between backticks. */
export const prose = (text) => String(text ?? "").split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));

/** A select. `options` are texts, or [value, text] pairs. */
export function select(options, value, change, props = {}) {
  const items = options.map((option) => (Array.isArray(option) ? option : [option, option]));
  return h(
    "select", { ...props, on: { change: (event) => change(event.target.value) } },
    items.map(([key, text]) => h("option", { value: key, selected: key === value }, text)),
  );
}

/** A message that goes away by itself. */
export function toast(text, kind = "ok") {
  const note = h("p", { class: `toast ${kind}` }, text);
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), kind === "bad" ? 8000 : 3500);
}

/** A modal dialog with a heading; resolves when it is closed. */
export function dialog(title, ...children) {
  const heading = h("h2", { id: `d${(ids += 1)}` }, title);
  const box = h("dialog", { "aria-labelledby": heading.id }, h("form", { method: "dialog" }, heading, children));
  const opener = document.activeElement;
  document.body.append(box);
  box.showModal();
  return new Promise((resolve) => {
    box.addEventListener("close", () => {
      box.remove();
      opener?.focus?.();
      resolve(box.returnValue);
    });
  });
}

/** Ask before something is lost. */
export async function ask(title, text, action) {
  const answer = await dialog(
    title, h("p", {}, text),
    h("div", { class: "actions" }, h("button", { value: "yes", class: "danger" }, action), h("button", { value: "no" }, "Cancel")),
  );
  return answer === "yes";
}

/** Copy a text; where the browser does not let us, show it to be copied by hand. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast(`${what} is selected below; copy it with the keyboard`);
  }
}

/** Hand a text to the browser as a file. */
export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
