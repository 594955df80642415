// Elements and numbers. Text is always set as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** Makes an element. attributes: "class", "aria-…", data; functions are listeners ({ click: … }); null leaves one out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
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
