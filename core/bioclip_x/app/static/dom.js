// Elements and numbers. Text is always set as text, never as markup.

export const byId = (id) => document.getElementById(id);

// As `escape_controls` of bioclip_x/messages.py.
const CONTROLS = new RegExp(
  "[\\0-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}]"
  + "|\\p{Surrogate}|(?<![\\u0300-\\u1fff\\u2070-\\u{10ffff}])[\\u200c\\u200d]", "gu");

/** A text whose control characters, and those that turn a line around or cannot be seen, are spelt out. */
export const reveal = (text) => String(text ?? "").replace(CONTROLS, (one) => {
  const digits = one.codePointAt(0).toString(16);
  if (digits.length <= 2) return `\\x${digits.padStart(2, "0")}`;
  return digits.length <= 4 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
});

/** Attributes that are read or heard. */
const SHOWN = new Set(["alt", "aria-label", "title"]);

/** Makes an element. attributes: "class", "aria-…", data; functions are listeners ({ click: … }); null leaves one out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, SHOWN.has(name) ? reveal(value) : value);
    }
  }
  const shown = children.filter((child) => child !== null && child !== undefined);
  element.append(...shown.map((child) => (typeof child === "string" ? reveal(child) : child)));
  return element;
}

export const isItalic = (rank) => ["genus", "subgenus", "species", "subspecies", "variety", "form"].includes(rank);

/** The name of a taxon, in italics where its rank asks for them. */
export function makeName(name, rank) {
  const isolated = make("bdi", {}, name);
  return isItalic(rank) ? make("i", { lang: "la" }, isolated) : isolated;
}

export function formatPercent(share) {
  if (share === null || share === undefined || Number.isNaN(share)) return "";
  if (share > 0 && share < 0.0005) return "<0.1%";
  if (share < 1 && share > 0.9995) return ">99.9%";
  return `${(100 * share).toFixed(1)}%`.replace("100.0%", "100%");
}

export const formatCosine = (value) => value.toFixed(2).replace("-", "−");

/** A margin or a part of one, with its sign. */
export function formatAmount(value) {
  if (value === null || value === undefined) return "∞";
  const digits = Math.abs(value).toFixed(2);
  return digits === "0.00" ? "0.00" : `${value < 0 ? "−" : "+"}${digits}`;
}

export const count = (number, noun, plural = `${noun}s`) => `${number.toLocaleString("en")} ${number === 1 ? noun : plural}`;

/** Calls a function once nothing has called it for so many milliseconds. */
export function debounce(milliseconds, call) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), milliseconds);
  };
}

/** Tells what went wrong, until it is dismissed. */
export function warn(message) {
  const alerts = byId("alerts");
  if ([...alerts.children].some((one) => one.dataset.message === message)) return;
  const box = make("div", { class: "alert", "data-message": message }, make("bdi", {}, message),
    make("button", { type: "button", "aria-label": "Dismiss", click: () => box.remove() }, "×"));
  alerts.append(box);
  while (alerts.children.length > 4) alerts.firstElementChild.remove();
}

/** For scrolling: as the user wants motion. */
export const motion = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth");
