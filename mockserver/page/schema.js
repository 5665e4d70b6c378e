// A form from a JSON Schema: one control for each member at the top, JSON for what is deeper.

import { field, h } from "./dom.js";

/** Follow references inside a document. */
export function resolve(schema, document) {
  let found = schema;
  for (let steps = 0; found && found.$ref && steps < 32; steps += 1) {
    if (!found.$ref.startsWith("#/")) return {};
    const target = found.$ref.slice(2).split("/").reduce((place, name) => place?.[decodeURIComponent(name).replaceAll("~1", "/").replaceAll("~0", "~")], document);
    const { $ref, ...beside } = found;
    found = { ...target, ...beside };
  }
  return found ?? {};
}

const typeOf = (schema) => [schema.type].flat().find((type) => type && type !== "null");

/** A control for one value. `read()` gives the value, undefined where nothing is entered; it throws where that is no JSON. */
export function control(schema, document, value) {
  const plain = resolve(schema, document);
  const options = plain.enum ?? (plain.const === undefined ? null : [plain.const]);
  const type = typeOf(plain);
  if (options || type === "boolean") {
    const choices = options ?? [true, false];
    const element = h("select", {}, h("option", { value: "" }, "—"), choices.map((item) => h("option", { value: JSON.stringify(item), selected: item === value }, String(item))));
    return { element, read: () => (element.value === "" ? undefined : JSON.parse(element.value)) };
  }
  if (type === "integer" || type === "number") {
    const element = h("input", { type: "number", step: type === "integer" ? "1" : "any", value: value ?? "" });
    return { element, read: () => (element.value === "" ? undefined : Number(element.value)) };
  }
  if (type === "string") {
    const element = h("input", { type: "text", value: value ?? "", autocomplete: "off" });
    return { element, read: () => (element.value === "" ? undefined : element.value) };
  }
  const text = value === undefined ? "" : JSON.stringify(value, null, 2);
  const element = h("textarea", { rows: String(Math.min(10, Math.max(2, text.split("\n").length))), spellcheck: "false", value: text });
  return { element, read: () => (element.value.trim() === "" ? undefined : JSON.parse(element.value)) };
}

/** The members of an object as controls. `read()` gives the object. */
export function form(schema, document, value) {
  const plain = merge(resolve(schema, document), document);
  const controls = Object.entries(plain.properties).map(([name, member]) => {
    const inner = resolve(member, document);
    const made = control(inner, document, value?.[name]);
    const isRequired = plain.required.includes(name);
    return { name, ...made, row: field(`${name}${isRequired ? " *" : ""}`, made.element, inner.description) };
  });
  return {
    element: h("div", { class: "fields" }, controls.map((item) => item.row)),
    read() {
      const result = {};
      for (const item of controls) {
        let read;
        try {
          read = item.read();
        } catch (error) {
          throw new Error(`${item.name}: ${error.message}`);
        }
        if (read !== undefined) result[item.name] = read;
      }
      return result;
    },
  };
}

/** Whether a schema has members that a form can show. */
export const hasMembers = (schema, document) => Object.keys(merge(resolve(schema, document), document).properties).length > 0;

function merge(schema, document, depth = 0) {
  const parts = depth < 8 ? (schema.allOf ?? []).map((part) => merge(resolve(part, document), document, depth + 1)) : [];
  return {
    properties: Object.assign({}, ...parts.map((part) => part.properties), schema.properties ?? {}),
    required: [...parts.flatMap((part) => part.required), ...(schema.required ?? [])],
  };
}
