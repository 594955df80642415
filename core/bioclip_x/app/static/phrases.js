// A phrase that is typed: its similarity to the photo, its part in the margin, and where in the photo it is seen.

import { Refused, isAborted, post } from "./api.js";
import { debounce, formatAmount, formatCosine, make } from "./dom.js";
import { frameOf, onLoad, variantOf } from "./cards.js";
import { items, state } from "./store.js";
import { lay, makeVeil } from "./veil.js";

const MOST = 6; // phrases that stay below the field
const asked = new Map(); // key → figures, the last first

function makeRow(label, value, title = null) {
  return make("div", { title }, make("dt", {}, label), make("dd", {}, value));
}

function describe(figures) {
  const rows = make("dl", { class: "figures" }, makeRow("Similarity to the photo", formatCosine(figures.similarity)));
  if (figures.baseline !== null) rows.append(makeRow("that of the mean text", formatCosine(figures.baseline)));
  if (figures.added.length && figures.margin !== null) rows.append(makeRow("Margin now", formatAmount(figures.margin)));
  for (const one of figures.added) {
    const change = formatAmount(one.change === null || one.is_winner ? one.change : -one.change);
    const value = one.margin === null ? change : make("span", {}, formatAmount(one.margin), make("small", {}, ` (${change})`));
    rows.append(makeRow(make("span", {}, "as a text of ", make("bdi", {}, one.class_name)), value, `“${one.text}”, similarity ${formatCosine(one.similarity)}`));
  }
  return rows;
}

let askAgain = () => {};
onLoad((key) => askAgain(key)); // the decision may be another one now

/** The part of the bench for one photo. */
export function makePhrases(key, picture) {
  const input = make("input", { type: "text", id: "phrase", maxlength: state.limits.text_length, autocomplete: "off", placeholder: "white spots on the cap", "aria-describedby": "phrase-hint" });
  const figure = make("figure", { class: "look" });
  const result = make("div", { class: "phrase-result", role: "status", "aria-live": "polite" });
  const history = make("ul", { class: "asked", "aria-label": "Phrases asked before" });
  let request = null;

  const drawFigure = (figures) => {
    figure.replaceChildren();
    if (!picture) return;
    const frame = make("div", { class: "frame" }, Object.assign(new Image(), { src: picture.src, alt: "" }));
    frame.style.setProperty("--ratio", picture.parentElement.style.getPropertyValue("--ratio") || "1");
    figure.append(frame);
    if (!figures?.heat_map) return;
    lay(frame, makeVeil(figures.heat_map, figures.spread));
    lay(frameOf(key), makeVeil(figures.heat_map, figures.spread));
  };
  const show = (figures) => {
    drawFigure(figures);
    result.replaceChildren(describe(figures));
    if (figures.is_truncated) result.append(make("p", { class: "quiet" }, "The model does not read the end of so long a phrase."));
    if (!figures.heat_map) result.append(make("p", { class: "quiet" }, `No heat map: ${state.about.no_maps}.`));
  };
  const list = () => {
    const before = asked.get(key) ?? [];
    history.replaceChildren(...before.map((one) => make("li", {}, make("button", {
      type: "button", click: () => { input.value = one.phrase; show(one); },
    }, make("bdi", {}, one.phrase), make("span", { class: "value" }, formatCosine(one.similarity))))));
    history.hidden = !before.length;
  };
  const clear = () => {
    figure.replaceChildren();
    result.replaceChildren();
    lay(frameOf(key), null);
  };
  const keep = debounce(600, (figures) => {
    const others = (asked.get(key) ?? []).filter((one) => one.phrase !== figures.phrase && !figures.phrase.startsWith(one.phrase));
    asked.set(key, [figures, ...others].slice(0, MOST));
    list();
  });
  const ask = debounce(90, async () => {
    request?.abort();
    request = new AbortController();
    const phrase = input.value.trim();
    if (!phrase) return clear();
    try {
      const figures = await post(`/api/photos/${key}/phrase`, { phrase, ...variantOf(key) }, request.signal);
      show(figures);
      keep(figures);
    } catch (problem) {
      if (isAborted(problem)) return;
      if (!(problem instanceof Refused)) throw problem;
      result.replaceChildren(make("p", { class: "quiet" }, problem.message));
    }
  });
  input.addEventListener("input", ask);
  askAgain = (loaded) => {
    if (loaded === key && input.isConnected && input.value.trim()) ask();
  };
  list();
  return make("section", { class: "tool", "aria-labelledby": "phrase-title" },
    make("h3", { id: "phrase-title" }, make("label", { for: "phrase" }, "Does it look like this?")),
    input, make("p", { class: "quiet", id: "phrase-hint" }, "Type what may be seen in the photo."), figure, result, history);
}

export const forget = () => asked.clear();
export const hasResult = (key) => !["waiting", "failed"].includes(items.get(key)?.state);
