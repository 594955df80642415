// Two photos side by side.

import { Refused, get, post } from "./api.js";
import { byId, formatCosine, make, warn } from "./dom.js";
import { items, state } from "./store.js";

let first = null, back = null;

/** Has the user pick another photo in the strip. */
export function pickOther(key) {
  first = key;
  back = document.activeElement;
  document.body.classList.add("picking");
  byId("progress").textContent = "Choose the other photo in this strip; Escape cancels";
  const strip = byId("strip");
  strip.scrollIntoView({ block: "nearest" });
  strip.querySelector(`li[data-key="${CSS.escape(key)}"]`)?.querySelector("button").focus();
}

export const isPicking = () => first !== null;

export function cancel(tell) {
  first = null;
  document.body.classList.remove("picking");
  tell();
  back?.focus();
}

async function makeCard(key) {
  const { html } = await get(`/api/cards/${key}`);
  const template = document.createElement("template");
  template.innerHTML = html; // of this machine's program, which escapes all text
  const card = template.content.firstElementChild;
  const picture = card.querySelector(".frame > img");
  for (const mini of picture ? card.querySelectorAll(".mini") : []) mini.prepend(Object.assign(new Image(), { src: picture.src, alt: "" }));
  return card;
}

/** Shows the photo that was picked beside the first one. */
export async function pick(other, tell) {
  const one = first;
  first = null;
  document.body.classList.remove("picking");
  tell();
  if (one === other) return;
  try {
    const [left, right] = await Promise.all([makeCard(one), makeCard(other)]);
    const isAsked = state.about.reads_phrases && [one, other].every((key) => !["failed", "waiting"].includes(items.get(key).state));
    const cosine = isAsked ? (await post("/api/similarity", { one, other })).cosine : null;
    const dialog = byId("compare");
    const close = make("button", { type: "button", class: "small-button", click: () => dialog.close() }, "Close");
    dialog.replaceChildren(
      make("header", {}, make("h2", { id: "compare-title" }, "Side by side"),
        cosine === null ? null : make("p", { class: "quiet" }, `cosine of the two photos ${formatCosine(cosine)}`), close),
      make("div", { class: "pair" }, left, right));
    dialog.showModal();
    close.focus();
    dialog.addEventListener("close", () => back?.focus(), { once: true });
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    warn(problem.message);
  }
}
