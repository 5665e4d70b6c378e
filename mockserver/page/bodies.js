// A request body in its media type: JSON, forms, or the text as it is.

const isJson = (type) => /[/+]json\b/.test(type);

/** The media type that a form is made for: JSON where it is among them, else the first. */
export function choose(content) {
  const entries = Object.entries(content ?? {});
  return entries.find(([type]) => isJson(type)) ?? entries[0];
}

/** Whether a body of this type has members, which a form can show. */
export const hasForm = (type) => isJson(type) || type.startsWith("application/x-www-form-urlencoded") || type.startsWith("multipart/");

/** How a value is written where it is edited as a text. */
export const write = (type, value) => (value === null || value === undefined ? "" : typeof value === "string" && !isJson(type) ? value : JSON.stringify(value, null, 2));

/** What is sent: the body, and the headers that say what it is. `value` is given in place of the text by a form. */
export function encode(type, text, value) {
  if (type.startsWith("multipart/") || type.startsWith("application/x-www-form-urlencoded")) {
    const members = Object.entries(value ?? JSON.parse(text || "{}"));
    const made = type.startsWith("multipart/") ? new FormData() : new URLSearchParams();
    for (const [name, item] of members) for (const part of [item].flat()) made.append(name, part !== null && typeof part === "object" ? JSON.stringify(part) : String(part));
    // The browser writes the boundary into the header itself.
    return { body: made, headers: made instanceof FormData ? {} : { "Content-Type": type } };
  }
  const body = value === undefined ? text : JSON.stringify(value);
  return { body: body === "" ? undefined : body, headers: body === "" ? {} : { "Content-Type": type.includes("*") ? "text/plain" : type } };
}
