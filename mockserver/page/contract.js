// What of the contract the calls touched, what nobody documented, what is wrong with it; and who was refused.

import { base, get } from "./api.js";
import { button, h, select, set } from "./dom.js";
import { heading, meter, pill, stackedBar } from "./parts.js";

export async function show(main) {
  let isWhole = false;
  const place = h("div", {});
  const draw = async () => {
    const all = isWhole ? "?all=true" : "";
    const [{ operations }, { assumptions }, { problems }, { refused }] = await Promise.all([get(`/coverage${all}`), get("/assumptions"), get("/problems"), get("/health")]);
    set(place, coverage(operations), columns(assumptions), found(problems), refusals(refused));
  };
  set(
    main,
    heading("Contract", h("label", { class: "inline" }, "Calls of ", select([["", "this namespace"], ["all", "the whole server"]], "", (value) => { isWhole = value === "all"; draw(); }, { "aria-label": "Which calls" })), h("a", { class: "button", href: `${base}/contract/docs` }, "Read the contract")),
    place,
  );
  await draw();
}

function coverage(operations) {
  return h(
    "section", { class: "panel" }, h("h2", {}, "Coverage"),
    h("div", { class: "scroll" }, h("table", { class: "coverage" },
      h("thead", {}, h("tr", {}, ["Operation", "Answers", "Statuses", "Reasons"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, operations.map((item) => {
        const parts = item.statuses.map((entry) => ({ kind: String(entry.status)[0], count: entry.hits, label: String(entry.status) }));
        return h(
          "tr", {}, h("th", { scope: "row" }, h("a", { href: `#operations/${item.operation}` }, item.operation)),
          h("td", {}, stackedBar(parts, `Answers of ${item.operation}`)),
          h("td", {}, h("div", { class: "statuses" }, parts.map((part) => h("span", { class: part.count ? "" : "untouched", title: `${part.count} × ${part.label}` }, pill(part.label, part.kind))))),
          h("td", {}, reached(item.reasons)),
        );
      })))),
  );
}

function reached(reasons) {
  const hits = reasons.filter((item) => item.hits).length;
  return h("div", { class: "reached" }, meter(hits, reasons.length, "Reasons that calls have met"), h("small", {}, `${hits} of ${reasons.length}`));
}

function columns(assumptions) {
  const kinds = [["inferred", "3"], ["invented", "4"]];
  const counts = kinds.map(([name, kind]) => ({ kind, count: assumptions.filter((item) => item.provenance === name).length, label: name }));
  const table = h("tbody", {});
  const draw = (wanted) => set(table, assumptions.filter((item) => !wanted || item.provenance === wanted).map((item) => h("tr", {}, h("td", {}, pill(item.provenance, item.provenance === "invented" ? "4" : "3")), h("td", {}, item.what), h("td", { class: "quiet" }, item.source ?? ""))));
  draw("");
  return h(
    "section", { class: "panel" }, h("h2", {}, `Assumptions (${assumptions.length})`),
    h("p", { class: "quiet" }, "What the provider does not document, and this sandbox does all the same."),
    stackedBar(counts, "Assumptions"),
    h("div", { class: "actions" }, [["", "all"], ...kinds.map(([name]) => [name, name])].map(([key, text]) => button(text, () => draw(key)))),
    h("details", {}, h("summary", {}, "Show them"), h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["Kind", "What", "Source"].map((text) => h("th", { scope: "col" }, text)))), table))),
  );
}

function found(problems) {
  return h(
    "section", { class: "panel" }, h("h2", {}, "Problems of the contract"),
    problems.length ? h("ul", { class: "violations" }, problems.map((item) => h("li", {}, h("code", {}, `${item.file ?? ""}#${item.pointer}`), " ", item.message))) : h("p", { class: "quiet" }, "None was found."),
  );
}

function refusals(refused) {
  const rows = Object.entries(refused);
  const most = Math.max(1, ...rows.map(([, count]) => count));
  return h(
    "section", { class: "panel" }, h("h2", {}, "Refused before they became calls"),
    rows.length ? h("table", { class: "refusals" }, h("tbody", {}, rows.map(([reason, count]) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, reason)), h("td", {}, meter(count, most, reason)), h("td", {}, count))))) : h("p", { class: "quiet" }, "No request was."),
  );
}
