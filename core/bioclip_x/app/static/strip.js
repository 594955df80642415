// All photos as a strip of small ones: what is done, and the way to each.

import { byId, count, formatPercent, make, reveal } from "./dom.js";
import { items, state } from "./store.js";

const buttons = new Map(); // key → button
let chosen = null, go = () => {};

function describe(item) {
  const name = item.state === "waiting" ? "waiting" : item.name ?? (item.state === "failed" ? "failed" : "not named");
  const share = item.share === undefined ? "" : ` ${formatPercent(item.share)}`;
  return reveal(`${item.file}: ${name}${share}${item.label ? `, corrected: ${item.label.label}` : ""}`);
}

export function take(item) {
  let button = buttons.get(item.key);
  if (!button) {
    button = make("button", { type: "button", class: "thumb", tabindex: buttons.size ? "-1" : "0", click: () => go(item.key) });
    buttons.set(item.key, button);
    const photo = item.key.includes(".") ? buttons.get(item.key.split(".")[0]) : null;
    const entry = make("li", { "data-key": item.key }, button);
    if (photo) photo.parentElement.after(entry);
    else byId("strip").append(entry);
  }
  button.dataset.state = item.state;
  button.classList.toggle("labelled", Boolean(item.label));
  button.title = describe(item);
  button.setAttribute("aria-label", describe(item));
  const isShown = item.state === "named" || item.state === "refused";
  if (isShown && !button.firstElementChild) {
    const number = state.epoch;
    button.append(make("img", { src: `/api/photos/${item.key}/small?epoch=${number}`, alt: "", loading: "lazy", decoding: "async" }));
  } else if (!isShown) button.replaceChildren(item.state === "failed" ? "!" : "");
}

export function reset() {
  buttons.clear();
  chosen = null;
  byId("strip").replaceChildren();
}

/** Marks the selected photo. */
export function mark(key) {
  const button = buttons.get(key);
  if (!button) return;
  const old = buttons.get(chosen);
  old?.removeAttribute("aria-current");
  old?.setAttribute("tabindex", "-1");
  button.setAttribute("aria-current", "true");
  buttons.values().next().value.setAttribute("tabindex", "-1");
  button.setAttribute("tabindex", "0");
  chosen = key;
  const strip = byId("strip"), entry = button.parentElement;
  if (entry.offsetLeft < strip.scrollLeft || entry.offsetLeft + entry.offsetWidth > strip.scrollLeft + strip.clientWidth) {
    strip.scrollLeft = entry.offsetLeft - strip.clientWidth / 2;
  }
}

export function showProgress() {
  const all = [...items.values()];
  const done = all.filter((item) => item.state !== "waiting");
  const named = done.filter((item) => item.state === "named").length, failed = done.filter((item) => item.state === "failed").length;
  const labelled = all.filter((item) => item.label).length;
  const parts = [done.length < all.length ? `${done.length.toLocaleString("en")} of ${count(all.length, "photo")}` : count(all.length, "photo")];
  if (done.length) parts.push(`${named.toLocaleString("en")} named`);
  if (done.length - named - failed) parts.push(`${done.length - named - failed} not named`);
  if (failed) parts.push(`${failed} failed`);
  if (labelled) parts.push(`${labelled} corrected`);
  byId("progress").textContent = parts.join(" · ");
}

/** Hides photos whose name, file or label has not all the words. */
export function filter(text) {
  const fold = (words) => words.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const wanted = fold(text).split(/\s+/).filter(Boolean);
  let fitting = 0;
  for (const item of items.values()) {
    const words = fold([item.file, item.name, item.common, item.rank, item.label?.label, item.reason].filter(Boolean).join(" "));
    const fits = wanted.every((word) => words.includes(word));
    fitting += fits;
    buttons.get(item.key)?.parentElement.toggleAttribute("hidden", !fits);
    document.querySelector(`.slot[data-key="${CSS.escape(item.key)}"]`)?.toggleAttribute("hidden", !fits);
  }
  byId("none").hidden = fitting > 0 || !items.size;
}

export function start(select) {
  go = select;
  byId("strip").addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 }[event.key];
    const shown = [...byId("strip").querySelectorAll("li:not([hidden]) > button")];
    const at = shown.indexOf(document.activeElement);
    if (!by || at < 0) return;
    event.preventDefault();
    const next = shown[Math.max(0, Math.min(shown.length - 1, at + by))];
    next.focus({ preventScroll: true });
    go(next.parentElement.dataset.key, { focus: false });
  });
}
