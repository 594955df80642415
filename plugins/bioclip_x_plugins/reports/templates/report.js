"use strict";
// Filters and sorts. Everything else works without it, so the tools are hidden until it runs.
(() => {
  const list = document.getElementById("cards");
  const find = document.getElementById("find");
  const sort = document.getElementById("sort");
  const shown = document.getElementById("shown");
  const none = document.getElementById("none");
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const text = (card, part) => card.querySelector(part)?.textContent ?? "";
  const cards = Array.from(list.children, (element, order) => ({
    element,
    order,
    file: element.dataset.file,
    name: element.dataset.name,
    share: element.dataset.share,
    margin: element.dataset.margin,
    words: fold([element.dataset.file, text(element, "header"), text(element, ".path"), text(element, ".reason")].join(" ")),
  }));
  const collator = new Intl.Collator(undefined, { numeric: true });

  const compare = (key, sign) => (a, b) => {
    // Cards without a value, such as unreadable pictures, come last either way.
    if (!a[key] || !b[key]) return Boolean(b[key]) - Boolean(a[key]) || a.order - b.order;
    const difference = key === "file" || key === "name" ? collator.compare(a[key], b[key]) : Number(a[key]) - Number(b[key]);
    return sign * difference || a.order - b.order;
  };

  const filter = () => {
    const wanted = fold(find.value).split(/\s+/).filter(Boolean);
    let count = 0;
    for (const card of cards) {
      const fits = wanted.every((word) => card.words.includes(word));
      card.element.hidden = !fits;
      count += fits;
    }
    shown.value = wanted.length ? `${count} of ${cards.length}` : "";
    none.hidden = count > 0;
  };

  const arrange = () => {
    const [key, down] = sort.value.split("-");
    const sorted = key ? [...cards].sort(compare(key, down ? -1 : 1)) : cards;
    list.replaceChildren(...sorted.map((card) => card.element));
  };

  document.getElementById("tools").hidden = cards.length < 2;
  document.getElementById("tools").addEventListener("submit", (event) => event.preventDefault());
  find.addEventListener("input", filter);
  sort.addEventListener("change", arrange);
  // A browser that goes back to the page fills the fields in again.
  if (find.value) filter();
  if (sort.value) arrange();
})();
