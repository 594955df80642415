// What can be done with the selected photo: ask about a phrase, correct its name, compare it.

import { Refused, post } from "./api.js";
import { askWhyNot, find, load } from "./cards.js";
import { makeCombobox } from "./combobox.js";
import { pickOther } from "./compare.js";
import { byId, make, makeName, formatPercent, warn } from "./dom.js";
import { hasResult, makePhrases } from "./phrases.js";
import { items, state } from "./store.js";

const isNarrow = matchMedia("(max-width: 66rem)");
let shown = { key: null, version: "" };

async function label(key, name, said) {
  try {
    const answer = await post(`/api/photos/${key}/label`, { label: name });
    const isUnlisted = answer.label && answer.is_listed === false;
    said.textContent = !answer.label ? "Removed from the file." : isUnlisted ? "Kept; the species list has no such name." : "Kept.";
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    warn(problem.message);
  }
}

function makeNaming(key) {
  const item = items.get(key);
  const said = make("p", { class: "quiet", role: "status" });
  const combobox = makeCombobox({
    label: "Right name", placeholder: "a taxon of any rank", button: "Keep", accept: (name) => label(key, name, said),
  });
  const current = make("p", { class: "current" });
  const draw = () => {
    const kept = items.get(key)?.label;
    combobox.set(kept ? kept.label : "");
    current.replaceChildren();
    if (kept) {
      current.append("In the file: ", make("b", {}, makeName(kept.label, kept.rank)), " ",
        make("button", { type: "button", class: "put-back", click: async () => { await label(key, "", said); } }, "remove"));
    } else if (item.state === "named") {
      current.append(make("button", { type: "button", class: "small-button confirm", click: () => label(key, items.get(key).name, said) },
        "It is ", makeName(item.name, item.rank)));
    }
  };
  draw();
  // A name in the file is of a whole photo: where that shows several organisms, one region's name would be wrong for the others.
  const why = item.n_results > 1
    ? `This photo has ${item.n_results} regions. The file of corrected names has one name per photo, so none can be kept for it.`
    : "A name can be kept when there is a result.";
  const parts = item.n_results === 1 ? [current, combobox.element, said] : [make("p", { class: "quiet" }, why)];
  const section = make("section", { class: "tool", "aria-labelledby": "naming-title" },
    make("h3", { id: "naming-title" }, "What is it?"), ...parts);
  return { section, draw };
}

function makeComparing(key) {
  const combobox = makeCombobox({
    label: "Why not", placeholder: "another taxon", button: "Ask",
    accept: async (name) => {
      await askWhyNot(key, name);
      find(key)?.querySelector(".why")?.scrollIntoView({ block: "nearest" });
    },
  });
  const others = items.size > 1
    ? make("button", { type: "button", class: "small-button", click: () => pickOther(key) }, "Compare with another photo…")
    : null;
  return make("section", { class: "tool", "aria-labelledby": "comparing-title" },
    make("h3", { id: "comparing-title" }, "Compare"), state.about.explains ? combobox.element : null, others);
}

let naming = null;

/** Shows the bench of a photo; draws it again only for another one, or if its result has changed. */
export async function show(key, { focus = false } = {}) {
  const item = items.get(key), bench = byId("bench");
  if (!item) return hide();
  const version = `${item.state} ${item.name} ${item.n_results} ${state.about.model} ${state.about.n_prompts} ${items.size > 1}`;
  if (shown.key !== key || shown.version !== version) {
    shown = { key, version };
    await load(key);
    if (shown.key !== key) return;
    const picture = find(key)?.querySelector(".frame > img") ?? null;
    naming = makeNaming(key);
    const head = make("h2", { class: "bench-title" }, make("bdi", {}, item.file));
    const name = item.state === "named" ? make("p", { class: "quiet" }, makeName(item.name, item.rank), ` ${formatPercent(item.share)}`) : null;
    bench.replaceChildren(head, ...[name].filter(Boolean));
    if (hasResult(key) && state.about.reads_phrases) bench.append(makePhrases(key, picture));
    bench.append(naming.section);
    if (item.state === "named") bench.append(makeComparing(key));
  } else naming.draw();
  bench.hidden = false;
  dock(key);
  if (focus) bench.querySelector("input")?.focus();
}

/** Beside the cards where there is room, else below the selected card. */
function dock(key) {
  const bench = byId("bench");
  if (!isNarrow.matches) {
    if (bench.parentElement !== byId("desk")) byId("desk").append(bench);
  } else if (bench.previousElementSibling !== find(key)) find(key)?.after(bench);
}

export function hide() {
  const bench = byId("bench");
  shown = { key: null, version: "" };
  bench.hidden = true;
  bench.replaceChildren();
  byId("desk").append(bench);
}

export const selected = () => shown.key;
isNarrow.addEventListener("change", () => shown.key && dock(shown.key));
