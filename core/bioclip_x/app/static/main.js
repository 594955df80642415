// Puts the page together: what is selected, how to get about, and what to do when the program has something new.

import * as bench from "./bench.js";
import * as cards from "./cards.js";
import * as compare from "./compare.js";
import * as phrases from "./phrases.js";
import * as setup from "./setup.js";
import * as strip from "./strip.js";
import * as uploads from "./uploads.js";
import { Refused, get, post } from "./api.js";
import { byId, debounce, make, motion, warn } from "./dom.js";
import { follow, items, on, state } from "./store.js";

const NAMES = { csv: "CSV", json: "JSON", jsonl: "JSON lines", parquet: "Parquet", html: "HTML", md: "Markdown", txt: "Text", labels: "Corrected names", zip: "Everything (ZIP)" };
let lastJump = 0, held = null;

function select(key, { scroll = true, focus = false } = {}) {
  const slot = cards.find(key);
  if (!slot) return;
  document.querySelector(".slot.selected")?.classList.remove("selected");
  slot.classList.add("selected");
  strip.mark(key);
  bench.show(key, { focus });
  if (scroll) jump(key);
}

/** Scrolls to a card, and again as cards above it are fetched, whose heights were a guess, until the user scrolls. */
function jump(key) {
  lastJump = Date.now();
  held = key;
  cards.find(key).scrollIntoView({ block: "start", behavior: "instant" });
  cards.load(key);
}

function holdPlace() {
  if (held === null || Date.now() - lastJump > 5000) return;
  requestAnimationFrame(() => held !== null && cards.find(held)?.scrollIntoView({ block: "start", behavior: "instant" }));
}

function goTo(key) {
  if (compare.isPicking()) compare.pick(key, strip.showProgress);
  else select(key);
}

/** Selects what is looked at, where the bench stands beside the cards and is not in use. */
const followScroll = debounce(140, () => {
  if (Date.now() - lastJump < 600 || byId("bench").contains(document.activeElement) || byId("bench").parentElement !== byId("desk")) return;
  const isSeen = (slot) => {
    const { top, bottom } = slot.getBoundingClientRect();
    return bottom > 0.3 * innerHeight && top < 0.7 * innerHeight;
  };
  const now = bench.selected() && cards.find(bench.selected());
  if (now && isSeen(now)) return;
  const at = document.elementFromPoint(byId("cards").getBoundingClientRect().left + 40, 0.45 * innerHeight)?.closest(".slot");
  if (at) select(at.dataset.key, { scroll: false });
});

function showItems(changed) {
  for (const item of changed) {
    strip.take(item);
    cards.take(item);
  }
  byId("bar").hidden = byId("colophon").hidden = false;
  document.body.classList.add("has-photos");
  if (!compare.isPicking()) strip.showProgress();
  if (byId("find").value) strip.filter(byId("find").value);
  const chosen = bench.selected();
  if (!chosen) {
    const first = [...items.values()].find((item) => item.state !== "waiting");
    if (first) select(first.key, { scroll: false });
  } else if (changed.some((item) => item.key === chosen)) bench.show(chosen);
}

function reset() {
  bench.hide(); // first: on a phone it stands among the cards
  strip.reset();
  cards.reset();
  phrases.forget();
  byId("find").value = "";
  byId("bar").hidden = byId("colophon").hidden = true;
  byId("none").hidden = true;
  document.body.classList.remove("has-photos");
}

function listExports() {
  const formats = [...state.formats, "labels", "zip"];
  byId("exports").replaceChildren(...formats.map((format) => make("li", {}, make("button", {
    type: "button", click: () => download(format),
  }, NAMES[format] ?? format.toUpperCase()))));
}

async function download(format) {
  byId("export-menu").open = false;
  try {
    const response = await fetch(`/api/export/${format}`);
    if (!response.ok) throw new Refused((await response.json()).error);
    const named = response.headers.get("content-disposition")?.match(/filename="?([^";]+)/)?.[1];
    const address = URL.createObjectURL(await response.blob());
    make("a", { href: address, download: named ?? `bioclip-x.${format}` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  } catch (problem) {
    warn(problem.message);
  }
}

function handleKeys(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  const isTyping = event.target.closest("input, select, textarea, dialog");
  if (event.key === "Escape") {
    if (compare.isPicking()) compare.cancel(strip.showProgress);
    byId("export-menu").open = false;
  } else if (isTyping) return;
  else if (event.key === "/" && bench.selected()) {
    event.preventDefault();
    byId("phrase")?.focus();
  } else if ((event.key === "j" || event.key === "k") && bench.selected()) {
    const shown = cards.list().filter((key) => !cards.find(key).hidden);
    const next = shown[shown.indexOf(bench.selected()) + (event.key === "j" ? 1 : -1)];
    if (next) select(next);
  }
}

async function start() {
  history.replaceState(null, "", "/"); // the cookie has the token now
  uploads.start();
  setup.start();
  cards.start();
  strip.start(goTo);
  on("items", showItems);
  on("reset", reset);
  let first;
  try {
    first = await get("/api/state");
  } catch (problem) {
    warn(problem.message);
    return;
  }
  follow(first, (isStopped) => document.body.classList.toggle("stopped", isStopped));
  listExports();
  byId("find").addEventListener("input", () => strip.filter(byId("find").value));
  byId("clear").addEventListener("click", async () => {
    if (confirm("Remove all photos from this page? Corrected names and their copies stay.")) await post("/api/clear", {});
  });
  byId("cards").addEventListener("click", (event) => {
    const slot = event.target.closest(".slot");
    const opens = event.target.closest(".open-bench");
    if (slot && (opens || !slot.classList.contains("selected"))) select(slot.dataset.key, { scroll: false, focus: Boolean(opens) });
    if (opens) byId("bench").scrollIntoView({ block: "nearest", behavior: motion() });
  });
  byId("cards").addEventListener("focusin", (event) => {
    const slot = event.target.closest(".slot");
    if (slot && bench.selected() !== slot.dataset.key) select(slot.dataset.key, { scroll: false });
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#export-menu")) byId("export-menu").open = false;
  });
  document.addEventListener("keydown", handleKeys);
  addEventListener("scroll", followScroll, { passive: true });
  for (const event of ["wheel", "touchmove", "pointerdown", "keydown"]) {
    addEventListener(event, () => { held = null; }, { passive: true, capture: true });
  }
  cards.onLoad(holdPlace);
}

start();
