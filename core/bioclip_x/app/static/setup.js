// Model, species list and descriptors, and files of these that are uploaded.

import { Refused, post, postForm } from "./api.js";
import { byId, count, make, reveal, warn } from "./dom.js";
import { on, state } from "./store.js";

const FIELDS = ["model", "taxonomy", "descriptors"];

function fill(name) {
  const select = byId(name);
  const options = state.choices[name].map((one) => {
    const text = one.about && !one.is_available ? `${one.name} — ${one.about}` : one.name;
    return make("option", { value: one.id, title: one.about || null, disabled: !one.is_available }, text);
  });
  select.replaceChildren(...options);
  select.value = state.settings[name];
}

async function choose(changed) {
  const settings = { ...Object.fromEntries(FIELDS.map((name) => [name, byId(name).value])), ...changed };
  try {
    await post("/api/settings", settings);
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    warn(problem.message);
    FIELDS.forEach(fill);
  }
}

async function upload(kind, file) {
  if (!file) return;
  const form = new FormData();
  form.append("file", file, file.name);
  try {
    const { id } = await postForm(`/api/files/${kind}`, form);
    await choose({ [kind]: id });
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    warn(problem.message);
  }
}

function show() {
  const { about } = state;
  FIELDS.forEach(fill);
  byId("demo").hidden = byId("demo-tag").hidden = !about.demo;
  byId("demo-text").textContent = reveal(about.demo);
  byId("about").textContent = state.is_loading
    ? "loading…"
    : `${count(about.n_classes, "class", "classes")}, ${count(about.n_prompts, "text")}; percentages: ${reveal(about.probabilities)}`;
  byId("recipe").toggleAttribute("aria-busy", state.is_loading);
  const notes = byId("notes");
  notes.hidden = !about.notes.length;
  notes.querySelector("ul").replaceChildren(...about.notes.map((note) => make("li", {}, make("bdi", {}, note))));
  byId("probabilities").textContent = reveal(about.probabilities);
  byId("labels-file").textContent = `${reveal(state.labels.file)} (${count(state.labels.count, "name")})`;
  byId("labels-folder").textContent = reveal(state.labels.folder);
  if (state.error) warn(state.error);
}

export function start() {
  const input = byId("recipe-file");
  let kind = "";
  for (const button of document.querySelectorAll("[data-upload]")) {
    button.addEventListener("click", () => {
      kind = button.dataset.upload;
      input.click();
    });
  }
  input.addEventListener("change", () => {
    upload(kind, input.files[0]);
    input.value = "";
  });
  for (const name of FIELDS) byId(name).addEventListener("change", () => choose({}));
  byId("recipe").addEventListener("submit", (event) => event.preventDefault());
  on("state", show);
}
