// What style alone cannot do.
(() => {
  // A formula or a print that is wider than its column scrolls, so it must be reachable
  // by keyboard; one that fits must not be a stop on the way.
  function stops() {
    for (const wide of document.querySelectorAll(".katex-display, .cell_output pre")) {
      if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
      else wide.removeAttribute("tabindex");
    }
  }
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(stops, 200);
  });
  addEventListener("toggle", stops, true);            // an opened box shows its formulas
  document.fonts.ready.then(stops);

  // In what searching quotes from a page, formulas are in LaTeX, once.
  /* global Search */
  if (typeof Search !== "undefined") {
    const plain = Search.htmlToText;
    Search.htmlToText = (html, ...rest) => {
      const page = new DOMParser().parseFromString(html, "text/html");
      for (const formula of page.querySelectorAll(".katex")) {
        formula.replaceWith(formula.querySelector("annotation")?.textContent ?? "");
      }
      return plain.call(Search, page.documentElement.outerHTML, ...rest);
    };
  }
})();
