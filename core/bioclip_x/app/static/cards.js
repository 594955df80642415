// The cards: fetched when they come near, given back when there are many, and decided again without some texts.

import { Refused, get, post } from "./api.js";
import { byId, formatAmount, formatPercent, make, warn } from "./dom.js";
import { items, state } from "./store.js";
import { lay, makeVeil } from "./veil.js";

const KEPT = 60; // cards in the page at a time
const slots = new Map(); // key → { element, turn, struck, whyNot, before, loading, shown }
const loaded = new Set(); // keys, the one that was loaded first in front
const maps = new Map(); // key and text → heat map
const afterLoad = [];

export const find = (key) => slots.get(key)?.element;
export const list = () => [...slots.keys()];
export const onLoad = (listener) => afterLoad.push(listener);
export const frameOf = (key) => find(key)?.querySelector(".frame");

const near = new IntersectionObserver((seen) => {
  for (const one of seen) {
    one.target.toggleAttribute("data-near", one.isIntersecting);
    if (one.isIntersecting) load(one.target.dataset.key);
  }
}, { rootMargin: "120% 0px" });

/** Puts the item's slot into the page, or notes that its result has changed. */
export function take(item) {
  let slot = slots.get(item.key);
  if (!slot) {
    slot = { element: make("section", { class: "slot", "data-key": item.key, "aria-label": item.file }), turn: 0, struck: [], whyNot: "", before: null };
    slots.set(item.key, slot);
    place(slot.element, item.key);
    near.observe(slot.element);
  }
  if (item.state === "waiting") {
    Object.assign(slot, { turn: slot.turn + 1, struck: [], whyNot: "", before: null, shown: 0 });
    slot.element.replaceChildren(make("p", { class: "waiting" }, make("bdi", {}, item.file)));
  }
  slot.element.classList.toggle("labelled", Boolean(item.label));
  if (slot.element.hasAttribute("data-near")) load(item.key);
}

/** A further region of a photo stands after those before it. */
function place(element, key) {
  const [photo, region] = key.split(".").map(Number);
  const before = region ? find(region > 1 ? `${photo}.${region - 1}` : String(photo)) : null;
  if (before) before.after(element);
  else byId("cards").append(element);
}

export function reset() {
  for (const { element } of slots.values()) near.unobserve(element);
  slots.clear();
  loaded.clear();
  maps.clear();
  byId("cards").replaceChildren();
}

/** Fetches the card of a slot, unless it is there. Others that are far away are given back if there are too many. */
export async function load(key) {
  const slot = slots.get(key), item = items.get(key);
  if (!slot || !item || item.state === "waiting" || slot.loading || slot.shown) return;
  slot.loading = true;
  try {
    await fetchCard(key, slot);
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    slot.element.replaceChildren(make("p", { class: "waiting" }, make("bdi", {}, problem.message)));
  } finally {
    slot.loading = false;
  }
  if (!slot.shown && slot.element.hasAttribute("data-near") && items.get(key)?.state !== "waiting" && slot.again) {
    slot.again = false;
    return load(key);
  }
  giveBack();
}

const isChanged = (slot) => slot.struck.length > 0 || Boolean(slot.whyNot);

/** What the decision on a photo leaves out, and what it is compared with. */
export function variantOf(key) {
  const slot = slots.get(key);
  return { struck: slot?.struck.map((one) => [one.classIndex, one.text]) ?? [], why_not: slot?.whyNot ?? "" };
}

async function fetchCard(key, slot) {
  const turn = slot.turn, body = variantOf(key);
  const { html, decision } = await (isChanged(slot) ? post(`/api/cards/${key}`, body) : get(`/api/cards/${key}`));
  if (slots.get(key) !== slot) return;
  slot.again = slot.turn !== turn; // named again meanwhile
  if (slot.again) return;
  if (!isChanged(slot)) slot.before = decision;
  const template = document.createElement("template");
  template.innerHTML = html; // of this machine's program, which escapes all text
  const card = template.content.firstElementChild;
  prepare(card, key, slot, decision);
  slot.element.replaceChildren(card);
  slot.element.style.minHeight = "";
  slot.shown = 1;
  loaded.delete(key);
  loaded.add(key);
  afterLoad.forEach((listener) => listener(key));
}

function giveBack() {
  for (const key of loaded) {
    if (loaded.size <= KEPT) return;
    const slot = slots.get(key);
    if (!slot || slot.element.hasAttribute("data-near") || slot.element.contains(document.activeElement) || slot.element.classList.contains("selected")) continue;
    slot.element.style.minHeight = `${slot.element.offsetHeight}px`;
    slot.element.replaceChildren();
    slot.shown = 0;
    loaded.delete(key);
  }
}

// What a card of the report gets here: buttons that leave texts out, heat maps, and what has changed

function prepare(card, key, slot, decision) {
  const picture = card.querySelector(".frame > img");
  if (picture) picture.loading = "eager";
  for (const mini of picture ? card.querySelectorAll(".mini") : []) {
    mini.style.setProperty("--ratio", picture.parentElement.style.getPropertyValue("--ratio"));
    mini.prepend(Object.assign(new Image(), { src: picture.src, alt: "" }));
  }
  if (state.about.strikes) {
    for (const item of card.querySelectorAll(".side:not(.both) li[data-class]")) addStrike(item, key);
  }
  if (isChanged(slot)) (card.querySelector(".why") ?? card).prepend(describeChange(key, slot, decision));
  card.querySelector(".entry")?.append(make("button", { type: "button", class: "small-button open-bench" }, "Ask about it, correct it"));
}

function addStrike(item, key) {
  const phrase = item.querySelector(".phrase");
  const words = phrase?.querySelector("bdi");
  if (!words) return;
  const name = words.textContent;
  const button = make("button", {
    type: "button", class: "strike", "aria-label": `Leave out: ${name}`, title: `${item.title}\nClick to leave it out`,
    click: () => strike(key, { classIndex: Number(item.dataset.class), text: item.title, phrase: name }),
  });
  words.replaceWith(button);
  button.append(words);
}

function describeChange(key, slot, now) {
  const box = make("div", { class: "changed", role: "status" });
  const before = slot.before;
  if (slot.struck.length) {
    const share = now.name === before?.name && before ? ` (${formatPercent(before.share)} before)` : before ? ` (before: ${before.name}, ${formatPercent(before.share)})` : "";
    const isOther = before && now.name !== before.name;
    box.append(make("p", { class: isOther ? "other-name" : null },
      `Without ${slot.struck.length === 1 ? "this text" : "these texts"}: `, make("b", {}, make("bdi", {}, now.name || "not named")),
      ` ${formatPercent(now.share)}${share}`,
      now.margin === null ? "" : `, margin ${formatAmount(now.margin)}`,
      before && before.margin !== null && before.runner_up === now.runner_up && !isOther ? ` (${formatAmount(before.margin)} before)` : ""));
    box.append(make("ul", { class: "chips", "aria-label": "Left out" }, ...slot.struck.map((one) =>
      make("li", {}, make("s", {}, make("bdi", {}, one.phrase)),
        make("button", { type: "button", class: "put-back", "aria-label": `Put back: ${one.phrase}`, click: () => putBack(key, one) }, "put back")))));
  }
  if (slot.whyNot) {
    box.append(make("p", {}, "Compared with ", make("b", {}, make("bdi", {}, slot.whyNot)), " as asked ",
      make("button", { type: "button", class: "put-back", click: () => askWhyNot(key, "") }, "as before")));
  }
  return box;
}

async function decide(key, change, undo) {
  const slot = slots.get(key);
  if (!slot) return;
  change(slot);
  try {
    await fetchCard(key, slot);
    slot.element.querySelector(".changed button")?.focus({ preventScroll: true });
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    undo(slot);
    warn(problem.message);
  }
}

export function strike(key, text) {
  const slot = slots.get(key);
  const before = slot.struck;
  return decide(key, () => { slot.struck = [...before, text]; }, () => { slot.struck = before; });
}

export function putBack(key, text) {
  const slot = slots.get(key);
  const before = slot.struck;
  return decide(key, () => { slot.struck = before.filter((one) => one !== text); }, () => { slot.struck = before; });
}

export async function askWhyNot(key, name) {
  const slot = slots.get(key);
  const before = slot.whyNot;
  await decide(key, () => { slot.whyNot = name; }, () => { slot.whyNot = before; });
}

// Heat maps: of the report's buttons where the recipe has them, else computed when a text is pointed at

const kept = (card) => card.querySelector(".mini[aria-pressed=true]")?.parentElement;

function showOwn(card, item) {
  const frame = card.querySelector(".frame");
  frame?.querySelectorAll(".veil:not(.typed-veil)").forEach((one) => one.remove());
  card.querySelectorAll(".mapped.lit").forEach((one) => one.classList.remove("lit"));
  if (!frame || !item) return;
  item.classList.add("lit");
  frame.append(item.querySelector(".veil").cloneNode());
}

let pointed = null;
async function point(item) {
  const key = item.closest(".slot")?.dataset.key, frame = item.closest(".card")?.querySelector(".frame");
  if (!key || !frame || state.about.no_maps) return;
  const name = `${key} ${item.title}`;
  pointed = name;
  await new Promise((resolve) => setTimeout(resolve, 120)); // the pointer may be on its way
  if (pointed !== name) return;
  try {
    if (!maps.has(name)) {
      maps.set(name, await post(`/api/photos/${key}/phrase`, { phrase: item.title }));
      if (maps.size > 200) maps.delete(maps.keys().next().value);
    }
  } catch (problem) {
    if (problem instanceof Refused) return;
    throw problem;
  }
  const found = maps.get(name);
  if (pointed === name && found.heat_map) lay(frame, makeVeil(found.heat_map, found.spread));
}

function leave(item) {
  pointed = null;
  lay(item.closest(".card")?.querySelector(".frame"), null);
}

export function start() {
  const main = document.body;
  const onText = (event, act) => {
    const item = event.target.closest?.(".card li[data-class]");
    if (item) act(item, item.closest(".card"));
  };
  const enter = (event) => onText(event, (item, card) => (item.matches(".mapped") ? showOwn(card, item) : point(item)));
  const exit = (event) => onText(event, (item, card) => {
    if (item.contains(event.relatedTarget)) return;
    if (item.matches(".mapped")) showOwn(card, kept(card));
    else leave(item);
  });
  main.addEventListener("pointerover", enter);
  main.addEventListener("pointerout", exit);
  main.addEventListener("focusin", enter);
  main.addEventListener("focusout", exit);
  main.addEventListener("click", (event) => {
    const mini = event.target.closest(".mini"), card = mini?.closest(".card");
    if (!mini) return;
    const old = kept(card)?.querySelector(".mini");
    old?.setAttribute("aria-pressed", "false");
    if (mini !== old) mini.setAttribute("aria-pressed", "true");
    showOwn(card, kept(card));
  });
}
