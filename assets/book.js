// What style alone cannot do: a formula that is wider than its column scrolls, so it must
// be reachable by keyboard; one that fits must not be a stop on the way.
(() => {
  function stops() {
    for (const formula of document.querySelectorAll(".katex-display")) {
      if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
      else formula.removeAttribute("tabindex");
    }
  }
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(stops, 200);
  });
  addEventListener("toggle", stops, true);            // an opened box shows its formulas
  document.fonts.ready.then(stops);
})();
