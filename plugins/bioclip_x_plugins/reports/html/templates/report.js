"use strict";
// Sets cards as they come near, sorts and filters, shows where a text's similarity comes from, and steps from card to card.
// Without it the page is whole but still: what a card holds stands in <noscript>, which is text to a browser that runs this.
(() => {
  const AT_ONCE = 100; // as many cards are all set, so that the browser's own search finds their words
  const byId = (id) => document.getElementById(id);
  const main = byId("cards"), rows = byId("rows"), find = byId("find"), sort = byId("sort");
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const entries = Array.from(main.children, (card, order) => {
    const row = rows?.children[order];
    return { ...row?.dataset, card, row, order, words: row ? fold([row.textContent, row.dataset.file, row.dataset.also].join(" ")) : "" };
  });
  let ordered = entries;

  // Cards

  const set = (card) => {
    const still = card?.querySelector(":scope > noscript");
    if (!still) return;
    const template = document.createElement("template");
    template.innerHTML = still.textContent;
    still.replaceWith(template.content);
    const picture = card.querySelector(".frame > img");
    for (const mini of picture ? card.querySelectorAll(".mini") : []) {
      mini.style.setProperty("--ratio", picture.parentElement.style.getPropertyValue("--ratio"));
      mini.prepend(Object.assign(new Image(), { src: picture.src, alt: "" }));
    }
  };
  const setAll = () => entries.forEach((entry) => set(entry.card));

  const near = new IntersectionObserver((seen) => {
    for (const one of seen.filter((one) => one.isIntersecting)) {
      set(one.target);
      near.unobserve(one.target);
    }
  }, { rootMargin: "150% 0px" });
  entries.forEach((entry) => near.observe(entry.card));
  if (entries.length <= AT_ONCE) setAll();

  const goTo = (entry) => {
    if (!entry) return;
    set(entry.card);
    entry.card.focus({ preventScroll: true });
    entry.card.scrollIntoView({ block: "start" });
    history.replaceState(null, "", `#${entry.card.id}`);
  };
  const step = (card, by) => {
    const shown = ordered.filter((entry) => !entry.card.hidden);
    goTo(shown[shown.findIndex((entry) => entry.card === card) + by]);
  };

  // Heat maps: over the picture while the pointer or the focus is on a descriptor; kept by a click

  const show = (card, item) => {
    const frame = card.querySelector(".frame");
    frame?.querySelector(".veil")?.remove();
    card.querySelectorAll(".mapped.lit").forEach((one) => one.classList.remove("lit"));
    if (!frame || !item) return;
    item.classList.add("lit");
    frame.append(item.querySelector(".veil").cloneNode());
  };
  const kept = (card) => card.querySelector(".mini[aria-pressed=true]")?.parentElement;
  const keep = (card, mini) => {
    const old = kept(card)?.querySelector(".mini");
    old?.setAttribute("aria-pressed", "false");
    if (mini && mini !== old) mini.setAttribute("aria-pressed", "true");
    show(card, kept(card));
  };
  const onMap = (event, act) => {
    const item = event.target.closest(".mapped");
    if (item) act(item.closest(".card"), item);
  };
  main.addEventListener("pointerover", (event) => onMap(event, (card, item) => show(card, item)));
  main.addEventListener("pointerout", (event) => onMap(event, (card, item) => item.contains(event.relatedTarget) || show(card, kept(card))));
  main.addEventListener("focusin", (event) => onMap(event, (card, item) => show(card, item)));
  main.addEventListener("focusout", (event) => onMap(event, (card) => show(card, kept(card))));
  main.addEventListener("click", (event) => {
    const mini = event.target.closest(".mini"), by = event.target.closest("[data-step]")?.dataset.step;
    if (mini) keep(mini.closest(".card"), mini);
    if (by) step(event.target.closest(".card"), Number(by));
  });

  // The index

  const collator = new Intl.Collator(undefined, { numeric: true });
  const compare = (key, sign) => (a, b) => {
    // Pictures without a value, such as those that failed, come last either way.
    if (!a[key] || !b[key]) return Boolean(b[key]) - Boolean(a[key]) || a.order - b.order;
    const difference = key === "file" || key === "name" ? collator.compare(a[key], b[key]) : Number(a[key]) - Number(b[key]);
    return sign * difference || a.order - b.order;
  };
  const headers = [...document.querySelectorAll("th[data-key]")];

  const arrange = () => {
    const [key, down] = sort.value.split("-");
    ordered = key ? [...entries].sort(compare(key, down ? -1 : 1)) : entries;
    rows.replaceChildren(...ordered.map((entry) => entry.row));
    main.replaceChildren(...ordered.map((entry) => entry.card));
    for (const header of headers) {
      if (header.dataset.key === key) header.setAttribute("aria-sort", down ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    }
  };
  const filter = () => {
    const wanted = fold(find.value).split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { row, card, words } of entries) {
      const fits = wanted.every((word) => words.includes(word));
      row.hidden = card.hidden = !fits;
      count += fits;
    }
    byId("shown").value = wanted.length ? `${count} of ${entries.length}` : "";
    byId("none").hidden = count > 0;
  };
  const search = (text) => {
    find.value = text;
    filter();
    byId("index").scrollIntoView({ block: "nearest" });
  };

  if (rows) {
    for (const header of headers) {
      // Up, down and back to the order given; shares and margins are asked for largest first.
      const key = header.dataset.key, turns = header.classList.contains("number") ? [`${key}-down`, key, ""] : [key, `${key}-down`, ""];
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: header.textContent });
      button.addEventListener("click", () => {
        sort.value = turns[(turns.indexOf(sort.value) + 1) % turns.length];
        arrange();
      });
      header.replaceChildren(button);
    }
    for (const button of document.querySelectorAll("[data-find]")) {
      button.disabled = false;
      button.addEventListener("click", () => search(button.dataset.find));
    }
    rows.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (!row || event.ctrlKey || event.metaKey || event.shiftKey || String(getSelection())) return;
      event.preventDefault();
      history.pushState(null, "", `#${row.dataset.card}`); // so that Back comes back to the index
      goTo(entries.find((entry) => entry.row === row));
    });
    byId("tools").hidden = false;
    byId("tools").addEventListener("submit", (event) => event.preventDefault());
    find.addEventListener("input", filter);
    sort.addEventListener("change", arrange);
    // A browser that goes back to the page fills the fields in again.
    if (find.value) filter();
    if (sort.value) arrange();
  }

  // Keys: arrows up and down in the index, left and right from card to card, Escape to let go

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
    const at = document.activeElement, card = at?.closest?.(".card"), row = at?.closest?.("#rows tr");
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === "Escape" && at === find) search("");
    else if (event.key === "Escape") document.querySelectorAll(".card:has(.lit)").forEach((one) => { keep(one, null); show(one, null); });
    else if (row && event.key.match(/^Arrow(Up|Down)$/)) {
      const links = ordered.filter((entry) => !entry.row.hidden).map((entry) => entry.row.querySelector("a"));
      links[links.indexOf(at) + by]?.focus();
    } else if (card && event.key.match(/^Arrow(Left|Right)$/)) step(card, by);
    else return;
    event.preventDefault();
  });

  // On paper nothing comes near
  addEventListener("beforeprint", () => {
    setAll();
    for (const image of document.images) image.loading = "eager";
  });
})();
