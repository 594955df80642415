// A field that suggests taxa while a name is typed: arrow keys, Enter, Escape, as in the ARIA pattern of a combobox.

import { get, isAborted } from "./api.js";
import { debounce, make, makeName } from "./dom.js";

let number = 0;

/** label, placeholder: of the field. accept(text, taxon): called on Enter or a click; taxon is null for a name of one's own. */
export function makeCombobox({ label, placeholder, button, accept }) {
  const id = `taxa-${++number}`;
  const list = make("ul", { class: "options", id, role: "listbox", "aria-label": label, hidden: true });
  const input = make("input", {
    type: "text", role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id,
    autocomplete: "off", spellcheck: "false", placeholder, maxlength: 300,
  });
  let found = [], at = -1, request = null;

  const close = () => {
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const move = (to) => {
    at = (to + found.length) % found.length;
    [...list.children].forEach((option, place) => option.setAttribute("aria-selected", place === at));
    list.children[at].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", list.children[at].id);
  };
  const choose = (taxon) => {
    const text = taxon ? taxon.label : input.value.trim();
    close();
    if (!text) return;
    input.value = text;
    accept(text, taxon);
  };
  const show = (taxa) => {
    found = taxa;
    list.replaceChildren(...taxa.map((taxon, place) => make("li", {
      role: "option", id: `${id}-${place}`, "aria-selected": "false",
      mousedown: (event) => event.preventDefault(), click: () => choose(taxon),
    }, makeName(taxon.name, taxon.rank), " ", make("span", { class: "quiet" }, [taxon.rank, taxon.common].filter(Boolean).join(", ")))));
    list.hidden = !taxa.length;
    at = -1;
    input.setAttribute("aria-expanded", String(taxa.length > 0));
  };
  const search = debounce(80, async () => {
    request?.abort();
    request = new AbortController();
    const typed = input.value.trim();
    if (!typed || document.activeElement !== input) return close();
    try {
      show((await get(`/api/taxa?typed=${encodeURIComponent(typed)}`, request.signal)).taxa);
    } catch (problem) {
      if (!isAborted(problem)) close();
    }
  });

  input.addEventListener("input", search);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && found.length && !list.hidden) move(at + 1);
    else if (event.key === "ArrowUp" && found.length && !list.hidden) move(at < 0 ? -1 : at - 1);
    else if (event.key === "Escape" && !list.hidden) close();
    else if (event.key === "Enter") {
      const exact = found.find((one) => one.label.toLowerCase() === input.value.trim().toLowerCase());
      choose(at >= 0 ? found[at] : exact ?? null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const submit = make("button", { type: "button", class: "small-button", click: () => choose(null) }, button);
  const element = make("div", { class: "combobox" }, make("label", {}, make("span", {}, label), input), list, submit);
  return { element, input, set: (text) => { input.value = text; close(); } };
}
