// Moves every control of a live figure and says which of them changed nothing.
// Run in the page as (figure) => report; works for figures that are yet to be written.
async (figure) => {
  const PATIENCE = 1500;                              // ms until a control counts as dead
  const OWN = new Set(["tabindex", "class", "id", "for", "aria-selected", "aria-checked",
    "aria-pressed", "aria-current", "aria-expanded", "checked", "data-state"]);

  const settle = async () => {
    await new Promise(requestAnimationFrame);
    await new Promise((done) => setTimeout(done));
  };

  /** All that can be seen of the figure, but for the moved control and its own value. */
  function look(control) {
    const seen = [];
    const own = (node) => node === control ||
      (node.localName === "output" && control.id && node.htmlFor.contains(control.id));
    const walk = (node) => {
      if (own(node)) return;
      if (node.nodeType === Node.TEXT_NODE) seen.push(node.data);
      if (node.nodeType !== Node.ELEMENT_NODE || node.localName === "script") return;
      for (const { name, value } of node.attributes) {
        if (!OWN.has(name)) seen.push(`${name}=${value}`);
      }
      if (node.localName === "canvas") seen.push(node.toDataURL());
      node.childNodes.forEach(walk);
    };
    walk(figure);
    return seen.join("\n");
  }

  const tell = (control, ...events) =>
    events.forEach((e) => control.dispatchEvent(new Event(e, { bubbles: true })));
  const assign = (control, value) => () => {
    control.value = value;
    tell(control, "input", "change");
  };

  /** What a reader can do with a control, as [what, how]. */
  function moves(control) {
    const { localName: tag, type } = control;
    if (tag === "select") {
      const others = [...control.options].filter((o) => !o.selected);
      return others.map((o) => [`choosing ${o.text}`, assign(control, o.value)]);
    }
    if (tag === "button" || control.matches("[role=button]")) {
      return [["pressing it", () => control.click()]];
    }
    if (type === "range" || type === "number") {
      const low = +control.min || 0, high = +control.max, step = +control.step || 1;
      const middle = low + step * Math.round((high - low) / step / 2);
      const places = [low, high, middle].filter((v, i, all) =>
        v !== (i ? all[i - 1] : +control.value));
      return places.map((v) => [`moving it to ${v}`, assign(control, v)]);
    }
    if (type === "radio") return control.checked ? [] : [["it", () => control.click()]];
    if (type === "checkbox") {
      return ["there", "and back"].map((way) => [way, () => control.click()]);
    }
    return [["typing", () => {
      assign(control, `${control.value} again`)();
      control.form?.requestSubmit();
    }]];
  }

  const label = (control) => (control.getAttribute("aria-label") ||
    control.labels?.[0]?.textContent || control.textContent || control.type).trim();
  // Plotly's own tool bar (zoom, save as a picture) is its makers' to test.
  const usable = (control) => !control.disabled && control.checkVisibility() &&
    getComputedStyle(control).pointerEvents !== "none" && !control.closest(".modebar");
  const CONTROLS = "input, select, button, textarea, [role=button]";

  const report = { moved: 0, dead: [], excused: [] };
  // A choice may replace controls by others: go on until all there are have been moved.
  const done = new Set();
  for (;;) {
    const all = [...figure.querySelectorAll(CONTROLS)].filter(usable);
    const control = all.find((c) => !done.has(c));
    if (!control || done.size > 2000) return report;
    done.add(control);
    const reason = control.closest("[data-unchanging]")?.dataset.unchanging;
    if (reason !== undefined) {
      report.excused.push([label(control), reason]);
      continue;
    }
    if (control.matches("[aria-selected=true], [aria-pressed=true]")) {
      const other = all.find((c) => c !== control && c.matches("[aria-selected=false], " +
        "[aria-pressed=false]") && c.parentElement.parentElement ===
        control.parentElement.parentElement);
      other?.click();                                 // choosing the chosen shows nothing
      await settle();
    }
    for (const [what, move] of moves(control)) {
      if (!control.isConnected) break;
      const before = look(control), deadline = performance.now() + PATIENCE;
      move();
      do await settle(); while (look(control) === before && performance.now() < deadline);
      report.moved += 1;
      if (look(control) === before) report.dead.push(`${label(control)}: ${what}`);
    }
  }
};
