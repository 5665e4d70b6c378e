// The calls that this page knows: those of the journal, then each as it comes. Views are told of changes.

import { follow, get } from "./api.js";

/** Oldest first; `total` counts those that the journal ever held. */
export const journal = { calls: [], total: 0, evicted: 0, state: "waiting" };
const byId = new Map();
const watchers = new Set();
// The calls that came since each reading of the journal began.
const reading = new Set();
let isTold = false;
let refresh = null;

/** Be told of changes, at most once a frame. Returns what ends that. */
export function watch(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function tell() {
  if (isTold) return;
  isTold = true;
  requestAnimationFrame(() => {
    isTold = false;
    for (const watcher of watchers) watcher();
  });
}

/** Read the journal anew. What comes while it is read is newer than what was read. */
export async function reload() {
  const arrived = [];
  reading.add(arrived);
  try {
    const { calls, total, evicted } = await get("/calls");
    byId.clear();
    calls.forEach((call) => byId.set(call.id, call));
    Object.assign(journal, { calls, total, evicted });
  } finally {
    reading.delete(arrived);
  }
  arrived.filter((call) => call.number > (journal.calls.at(-1)?.number ?? 0)).forEach(take);
  tell();
}

function take(call) {
  for (const arrived of reading) arrived.push(call);
  const newest = journal.calls.at(-1);
  if (newest && call.number <= newest.number && !byId.has(call.id)) {
    // Numbers start again after a reset.
    byId.clear();
    journal.calls = [];
    journal.total = 0;
  }
  if (byId.has(call.id)) Object.assign(byId.get(call.id), call);
  else {
    byId.set(call.id, call);
    journal.calls.push(call);
    journal.total += 1;
  }
  if (call.state === "in_flight") settle();
  tell();
}

/** A call is told of when its answer is decided; a little later it is known how it went. */
function settle() {
  refresh ??= setTimeout(async () => {
    refresh = null;
    const open = journal.calls.filter((call) => call.state === "in_flight");
    if (!open.length) return;
    const first = journal.calls.indexOf(open[0]);
    const limit = Math.min(journal.calls.length - first + 20, 500);
    for (const call of (await get(`/calls?limit=${limit}`)).calls) if (byId.has(call.id)) Object.assign(byId.get(call.id), call);
    if (journal.calls.some((call) => call.state === "in_flight")) setTimeout(settle, 1500);
    tell();
  }, 250);
}

/** One call, by its id. */
export const find = (id) => byId.get(id);

/** Begin: read what is there, then follow; look now and then whether all was forgotten. */
export async function begin() {
  await reload();
  follow(journal.calls.at(-1)?.number ?? 0, {
    onCall: take,
    onDropped: () => reload(),
    onState: (state) => {
      const wasGone = journal.state === "waiting";
      journal.state = state;
      if (state === "live" && wasGone) reload().catch(() => {});
      tell();
    },
  });
  setInterval(async () => {
    if (document.hidden || journal.state !== "live") return;
    const { total } = await get("/calls?limit=0").catch(() => journal);
    if (total < journal.total) await reload();
  }, 3000);
}
