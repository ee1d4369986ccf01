/* global kit, chart, word_plane, word_search */
// Neighbours and analogies of the words one types; all vectors come when they are wanted.
const NEAREST = 10, ANSWERS = 5, DIGITS = 2;   // of a cosine: 8 bits hold no more
const LONG = 24;                               // letters of an unknown word, said back

/** The table from a script of the page, or from the kernel if there is one. */
function fetchTable(model) {
  const { path, key } = model.get("table");
  if (globalThis.LiveFigures) {
    return LiveFigures.script(path).then(() => LiveFigures.tables[key]);
  }
  return new Promise((arrived) => {
    model.on("msg:custom", function hear(message) {
      if (message.table !== key) return;
      model.off("msg:custom", hear);
      arrived(JSON.parse(message.json));
    });
    model.send({ wanted: key });
  });
}

function render({ model, el }) {
  const { make } = kit, life = kit.lifetime(model), first = model.get("first");
  const { name, count, size } = model.get("table"), whole = count.toLocaleString("en");
  const some = word_search.open(first);
  const atMost = Math.ceil(1000 * model.get("error")) / 1000;
  let all, coming, now;

  /** The whole table; asked for once. */
  function whenThere() {
    if (!coming) {
      hint.textContent = `Loading ${whole} words, ${Math.round(size / 1000)} kB …`;
      coming = fetchTable(model).then((table) => {
        all = word_search.open(table);
        hint.textContent = "";
      });
      coming.catch(() => {
        hint.textContent = "The table of words could not be loaded.";
        coming = undefined;
      });
    }
    return coming;
  }

  const summary = make("p", { role: "status", class: "explorer-words" });
  const hint = make("p", { role: "status", class: "explorer-hint" });
  function field(label, change) {
    const input = make("input", { type: "text", autocomplete: "off", spellcheck: "false",
      autocapitalize: "none", enterkeyhint: "search", maxlength: 40, "aria-label": label,
      onchange: change });
    return input;
  }
  /** The words typed, if all are there; else says which is not. */
  async function typed(inputs) {
    await whenThere();
    const found = inputs.map(({ value }) => {
      const text = value.trim();
      return all.has(text) ? text : text.toLowerCase();
    });
    const blank = found.some((text) => text === "");
    const missing = inputs.map(({ value }) => value.trim())
      .filter((text, i) => text && !all.has(found[i]));
    const others = missing[0] ? all.starting(missing[0].slice(0, 3).toLowerCase(), 6) : [];
    const short = (text) => (text.length > LONG ? `${text.slice(0, LONG)}…` : text);
    hint.textContent = missing.length === 0 ? (blank ? "Type a word." : "")
      : `${missing.map((text) => `“${short(text)}”`).join(", ")}: not among the ${whole} words.${
        others.length ? ` There is: ${others.join(", ")}.` : ""}`;
    return blank || missing.length ? undefined : found;
  }
  const choose = (trait, words) => {
    if (!words) return;
    model.set(trait, words.join(" "));
    model.save_changes();
    update();                                         // the same words, written otherwise
  };
  const word = field("Word", () => typed([word]).then((found) => choose("word", found)));
  const parts = ["a", "b", "c"].map((letter) => field(`Analogy, word ${letter}`, () =>
    typed(parts).then((found) => choose("analogy", found))));

  const near = word_plane.table(NEAREST, "cosine", DIGITS);
  const plane = chart.sheet(life, (width) => Math.min(width, 360), (...at) =>
    word_plane.paint(...at, now));
  const without = word_plane.table(ANSWERS, "cosine", DIGITS);
  const within = word_plane.table(ANSWERS, "cosine", DIGITS);

  function update() {
    const chosen = model.get("word"), text = model.get("analogy");
    const early = chosen === first.word && text === first.analogy;
    if (!all && !early) return void whenThere().then(update);
    const table = all ?? some, inputs = text.split(" "), [a, b, c] = inputs;
    word.value = chosen;
    parts.forEach((part, i) => { part.value = inputs[i]; });
    const found = table.nearest(chosen, NEAREST), words = [chosen, ...found.map(([w]) => w)];
    const { points, share } = table.plane(words);
    now = { words, at: points, group: words.map((_, i) => (i ? 0 : 1)), chosen: 0,
      nearest: words.map((_, i) => i).slice(1), xName: "first main direction",
      yName: "second main direction",
      choose: (i) => whenThere().then(() => choose("word", [words[i]])) };
    near.show(`Nearest to “${chosen}”`, found);
    const answers = [true, false].map((exclude) => table.solve(inputs, ANSWERS, exclude));
    const marked = answers[1].map(([w, cosine]) =>
      [inputs.includes(w) ? `${w} (input)` : w, cosine]);
    without.show("Inputs left out", answers[0]);
    within.show("Nothing left out", marked);
    summary.replaceChildren("Nearest to “", make("b", {}, chosen), "” is “",
      make("b", {}, found[0][0]), "”, cosine ", make("b", {}, chart.minus(found[0][1].toFixed(DIGITS))),
      ". The plane holds ", make("b", {}, `${(100 * share).toFixed(1)}\u00a0%`),
      ` of the variance of these ${words.length}. ${a} : ${b} :: ${c} : `,
      make("b", {}, answers[0][0][0]), ", inputs left out; else ",
      make("b", {}, answers[1][0][0]), ".");
    plane.svg.setAttribute("aria-label", `“${chosen}” and its ${found.length} nearest words `
      + `in the plane of their two main directions: ${(100 * share).toFixed(1)} % of the `
      + "variance.");
    plane.draw();
  }

  el.append(make("div", {
    class: "viz embedding-explorer", role: "group", "aria-label": model.get("alt"),
  },
  make("div", { class: "viz-bar" }, make("label", {}, "Word", word)),
  make("div", { class: "viz-bar explorer-analogy", role: "group", "aria-label": "Analogy" },
    parts[0], make("span", {}, ":"), parts[1], make("span", {}, "::"), parts[2],
    make("span", {}, ": ?")),
  hint, summary,
  make("div", { class: "chart-pair" }, plane.element, near.element),
  make("p", { class: "lab-title" }, "Nearest to b − a + c, each vector of length 1"),
  make("div", { class: "chart-pair" }, without.element, within.element),
  make("p", { class: "chart-note" }, `${name}: ${whole} words, loaded (${
    Math.round(size / 1000)} kB) when you first choose another one. Eight bits a number: `
    + `over all pairs a cosine is off by at most ${atMost.toFixed(3)}. A name that would lie `
    + "upon others is left out; its dot tells it when pointed at, and chooses the word when "
    + "clicked.")));
  life.on("word analogy", update);
  update();
  return life.end;
}

export default { render };
