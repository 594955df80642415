"use strict";
// Reads out the mark under the pointer or the finger, and the marks one by one with the arrow keys. Without it, the marks have
// titles, and all numbers are in the lists.
(() => {
  const wordsOf = (mark) => mark.querySelector("title").textContent;
  const point = (drawing, mark) => {
    for (const old of drawing.querySelectorAll(".at")) old.classList.remove("at");
    if (mark) mark.classList.add("at");
    drawing.querySelector(".readout").textContent = mark ? wordsOf(mark) : "";
  };
  for (const svg of document.querySelectorAll(".drawing svg[tabindex]")) {
    const drawing = svg.closest(".drawing");
    const marks = [...svg.querySelectorAll(".mark")];
    let at = -1;
    const over = (event) => {
      const mark = event.target.closest(".mark");
      if (mark) point(drawing, mark);
    };
    svg.addEventListener("pointerover", over);
    svg.addEventListener("click", over);
    svg.addEventListener("pointerleave", () => point(drawing, null));
    svg.addEventListener("blur", () => point(drawing, null));
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const end = { Home: 0, End: marks.length - 1 }[event.key];
      if (!marks.length || (step === undefined && end === undefined)) return;
      event.preventDefault();
      at = end ?? (at + step + marks.length) % marks.length;
      point(drawing, marks[at]);
    });
  }
})();
