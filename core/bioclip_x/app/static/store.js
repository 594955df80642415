// What the program has told: its state, and the photos with their results. Others listen for changes.

const listeners = { state: [], items: [], reset: [] };
export const items = new Map(); // key → item, in order
export let state = null;

export const on = (event, listener) => listeners[event].push(listener);
const tell = (event, ...values) => listeners[event].forEach((listener) => listener(...values));

function takeState(next) {
  const isOther = state && state.epoch !== next.epoch;
  state = { ...state, ...next };
  if (isOther) {
    items.clear();
    tell("reset");
  }
  tell("state", state);
}

function takeItems(changed) {
  for (const item of changed) items.set(item.key, item);
  tell("items", changed);
}

/** Starts with the whole state, then follows what changes. stopped: called when the program answers no more, or again. */
export function follow(first, stopped) {
  takeState(first);
  const source = new EventSource("/api/changes?after=0");
  source.addEventListener("state", (event) => takeState(JSON.parse(event.data)));
  source.addEventListener("items", (event) => takeItems(JSON.parse(event.data)));
  source.addEventListener("open", () => stopped(false));
  source.addEventListener("error", () => stopped(true));
  addEventListener("pagehide", () => source.close());
}
