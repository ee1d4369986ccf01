/* global kit, zipf_law */
// Rank and frequency, tokens and types of some sources, and a law that a reader moves.
const BOX = { width: 340, height: 262, left: 46, right: 16, top: 26, bottom: 38 };
const POINTS = 90;                                    // of a drawn law
const NO_SUM = "With α ≤ 1 a law without end has no sum";
const whole = (n) => Math.round(n).toLocaleString("en");
const TENTHS = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
const tenth = (n) => (n >= 1000 ? whole(n) : n.toLocaleString("en", TENTHS));
const power = (k) => `10${[...String(k)].map((c) =>
  (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("")}`;
const percent = (share) => {
  const digits = Math.max(2, 2 - Math.floor(Math.log10(100 * share)) - 1);
  return `${(100 * share).toFixed(Math.min(digits, 8))}\u00a0%`;
};
const spaced = (first, last, n) => Array.from({ length: n }, (_, i) =>
  first * (last / first) ** (i / (n - 1)));

function read(source) {
  const runs = zipf_law.unpack(source.counts);
  return { ...source, runs, total: source.sizes.at(-1), types: source.ranks.at(-1) };
}

/** Axes of powers of ten from 10^low to 10^high, and a place for lines. */
function chart(kind, title, across, upright, x, y) {
  const { make, draw } = kit, { width, height, left, right, top, bottom } = BOX;
  const X = (v) => left + ((Math.log10(v) - x[0]) / (x[1] - x[0])) * (width - left - right);
  const Y = (v) => height - bottom
    - ((Math.log10(v) - y[0]) / (y[1] - y[0])) * (height - top - bottom);
  const grid = draw("g", { class: "zipf-grid" });
  for (let k = x[0]; k <= x[1]; k += 1) {
    grid.append(draw("line", { x1: X(10 ** k), x2: X(10 ** k), y1: top, y2: height - bottom }),
      draw("text", { x: X(10 ** k), y: height - bottom + 15, "text-anchor": "middle" }, power(k)));
  }
  for (let k = y[0]; k <= y[1]; k += 1) {
    grid.append(draw("line", { x1: left, x2: width - right, y1: Y(10 ** k), y2: Y(10 ** k) }),
      draw("text", { x: left - 5, y: Y(10 ** k) + 4, "text-anchor": "end" }, power(k)));
  }
  grid.append(draw("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" },
    across), draw("text", { x: 2, y: 13 }, upright));
  const lines = draw("g", { "clip-path": "inset(0)" }), marks = draw("g");
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" }, grid, lines, marks);
  const element = make("div", { class: `zipf-panel ${kind}` },
    make("p", { class: "lab-title" }, title), svg);
  /** A path; points outside the axes are left out, whatever a law says there. */
  function line(name, points, says) {
    const inside = points.filter(([a, b]) => a > 0 && b >= 10 ** y[0] && b <= 10 ** y[1]);
    const d = inside.map(([a, b], i) => `${i ? "L" : "M"}${X(a).toFixed(1)} ${Y(b).toFixed(1)}`);
    lines.append(draw("path", { class: name, d: d.join("") },
      ...(says ? [draw("title", {}, says)] : [])));
  }
  return { element, svg, lines, marks, line, X, Y };
}

const stairs = ({ runs, total }) => runs.flatMap(({ count, first, last }) =>
  (first === last ? [[first, count / total]] : [[first, count / total], [last, count / total]]));

function table(kind, title, columns) {
  const { make } = kit, body = make("tbody");
  const element = make("div", { class: "zipf-wide" }, make("table", { class: `lab-table ${kind}` },
    make("caption", {}, title), make("thead", {}, make("tr", {},
      ...columns.map((text) => make("th", { scope: "col" }, text)))), body));
  const show = (rows) => body.replaceChildren(...rows.map(([name, ...cells]) =>
    make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((c) => make("td", {}, c)))));
  return { element, show };
}

const legend = (entries) => kit.make("p", { class: "zipf-legend", "aria-hidden": "true" },
  ...entries.map(([name, text]) => kit.make("span", {}, kit.make("i", { class: name }), text)));

function render({ model, el }) {
  const { make, draw } = kit, life = kit.lifetime(model);
  const sources = model.get("sources").map(read);
  const offsets = model.get("offsets"), [least, most] = model.get("alphas");
  const set = (changes) => {
    for (const [trait, value] of Object.entries(changes)) model.set(trait, value);
    model.save_changes();
  };
  const up = (values) => Math.ceil(Math.log10(Math.max(...values)));
  const tokens = up(sources.map((s) => s.total)), types = up(sources.map((s) => s.types));
  const zipf = chart("zipf-ranks", "How often each token occurs", "rank", "share of all tokens",
    [0, types], [-tokens, 0]);
  const heaps = chart("zipf-growth", "How many different ones there are", "tokens read", "types",
    [0, tokens], [0, types]);

  function slider(text, attributes, move) {
    const id = kit.id(), output = make("output", { for: id });
    const input = make("input", { type: "range", id, ...attributes, oninput: () => move(+input.value) });
    const show = (value, words) => {
      input.value = value;
      output.textContent = words;
      input.setAttribute("aria-valuetext", words);
    };
    return { input, show, element: make("div", { class: "lab-slider" },
      make("label", { for: id }, text), input, output) };
  }
  const alpha = slider("exponent α", { min: least, max: most, step: 0.01 },
    (value) => set({ alpha: +value.toFixed(2) }));
  const offset = slider("offset b", { min: 0, max: offsets.length - 1, step: 1 },
    (i) => set({ offset: offsets[i] }));
  const rank = slider("read at rank", { min: 0, step: 1, max: 0 }, (i) => set({ rank: i }));
  const onGrid = (value) => +Math.min(most, Math.max(least, value)).toFixed(2);
  const plain = (source) => ({ alpha: onGrid(source.plain), offset: 0 });
  const box = make("select", {
    onchange: () => set({ source: +box.value, ...plain(sources[box.value]) }),
  }, ...sources.map((source, i) => make("option", { value: i }, source.name)));
  const others = make("input", { type: "checkbox", onchange: () => set({ others: others.checked }) });
  const chosen = () => sources[model.get("source")];
  const at = () => Math.min(model.get("rank"), chosen().ranks.length - 1);
  const both = make("button", { type: "button", onclick() {
    const [a, b] = chosen().near;
    set({ alpha: a, offset: b });
  } }, "Likeliest α and b");
  const words = make("p", { role: "status", class: "lab-words" });
  const reading = make("p", { class: "zipf-reading", "aria-live": "polite" });
  const fits = table("zipf-fits", "Cost of a token in nats, and greatest gap between the shares summed from rank 1",
    ["law", "α", "b", "cost", "gap"]);
  const counted = table("zipf-types", "Types in the first n tokens",
    ["n", "in the text", "shuffled", "law without end"]);

  const growth = legend([["zipf-own", "in the text"], ["zipf-shuffled", "shuffled, expected"],
    ["zipf-law", "law without end"]]);
  const endless = growth.lastChild;
  const shownToo = () =>
    (model.get("others") ? sources.filter((source) => source !== chosen()) : []);

  function update() {
    const source = chosen(), a = model.get("alpha"), b = model.get("offset");
    const found = zipf_law.judge(source, a, b), least = zipf_law.entropy(source);
    const grows = a > 1 ? (n) => zipf_law.heaps(a, b, n) : () => NaN;
    box.value = model.get("source");
    others.checked = model.get("others");
    alpha.show(a, a.toFixed(2));
    offset.show(offsets.indexOf(b), b.toFixed(2));
    both.hidden = source.near[1] === 0;               // then it is what b = 0 gives
    rank.input.max = source.ranks.length - 1;
    zipf.lines.replaceChildren();
    heaps.lines.replaceChildren();
    for (const other of shownToo()) {
      zipf.line("zipf-other", stairs(other), other.name);
      heaps.line("zipf-other", other.sizes.map((n, i) =>
        [n, (other.measured[i] ?? other.expected[i])]), other.name);
    }
    zipf.line("zipf-own", stairs(source));
    zipf.line("zipf-law", spaced(1, source.types, POINTS)
      .map((r) => [r, (r + b) ** -a / found.sum]));
    const { sizes, measured, expected } = source;
    heaps.line("zipf-law", spaced(1, source.total, POINTS).map((n) => [n, grows(n)]));
    heaps.line("zipf-own", measured.map((m, i) => [sizes[i], m]));
    heaps.line("zipf-shuffled", expected.map((m, i) => [sizes[i], m]));
    const row = (name, [x, y]) => {
      const { cost, ks } = zipf_law.judge(source, x, y);
      return [name, x.toFixed(4), y.toFixed(2), cost.toFixed(4), ks.toFixed(4)];
    };
    fits.show([row("as set", [a, b]), row("likeliest, b = 0", [source.plain, 0]),
      row("likeliest", source.free), ["the counts’ own", "", "", least.toFixed(4), "0"]]);
    counted.show(sizes.flatMap((n, i) => (Number.isInteger(Math.log10(n)) && n > 1
      || i === sizes.length - 1 ? [[whole(n), measured.length ? whole(measured[i]) : "–",
        tenth(expected[i]), a > 1 ? tenth(grows(n)) : "–"]] : [])));
    words.textContent = `${source.name}: ${whole(source.total)} tokens of ${whole(source.types)} `
      + `types. This law costs ${found.cost.toFixed(4)} nats a token, `
      + `${(found.cost - least).toFixed(4)} more than the counts themselves; the sums of their `
      + `shares differ by up to ${found.ks.toFixed(4)}.`;
    endless.className = a > 1 ? "" : "zipf-none";
    endless.lastChild.textContent = a > 1 ? "law without end" : `${NO_SUM}: none is drawn`;
    zipf.svg.setAttribute("aria-label", `Share of all tokens against rank, both logarithmic: `
      + `${source.name}, from ${percent(source.runs[0].count / source.total)} at rank 1 to `
      + `${percent(source.runs.at(-1).count / source.total)} at rank ${whole(source.types)}; `
      + `a line for the law with α = ${a.toFixed(2)}, b = ${b.toFixed(2)}.`);
    heaps.svg.setAttribute("aria-label", `Types against tokens read, both logarithmic, up to `
      + `${whole(source.types)} types in ${whole(source.total)} tokens; the numbers stand below.`
      + (a > 1 ? "" : ` ${NO_SUM}: none is drawn.`));
    point(found.sum);
  }

  /** The token at the rank that is read. */
  function point(sum = zipf_law.judge(chosen(), model.get("alpha"), model.get("offset")).sum) {
    const source = chosen(), i = at(), r = source.ranks[i];
    const { count } = source.runs.find(({ last }) => last >= r);
    const share = count / source.total, p = (r + model.get("offset")) ** -model.get("alpha") / sum;
    rank.show(i, whole(r));
    reading.textContent = `Rank ${whole(r)}: “${source.labels[i]}”, ${whole(count)} ${count === 1 ? "time" : "times"}, `
      + `${percent(share)}; the law says ${
      p * source.total < 0.05 ? "less than 0.1" : tenth(p * source.total)}, ${percent(p)}.`;
    zipf.marks.replaceChildren(draw("circle", { cx: zipf.X(r), cy: zipf.Y(share), r: 4.5 }));
  }

  function hover(event) {
    const place = zipf.svg.getBoundingClientRect();
    const x = ((event.clientX - place.left) / place.width) * BOX.width;
    const far = (r) => Math.abs(zipf.X(r) - x), { ranks } = chosen();
    const best = ranks.reduce((near, r, i) => (far(r) < far(ranks[near]) ? i : near), 0);
    if (best !== at()) set({ rank: best });
  }
  for (const event of ["pointermove", "pointerdown"]) zipf.svg.addEventListener(event, hover);

  const many = sources.length > 1;
  el.append(make("div", { class: "viz zipf-explorer", role: "group", "aria-label": model.get("alt") },
    make("div", { class: "viz-bar" }, make("label", {}, "Source", box),
      ...(many ? [make("label", { class: "viz-check" }, others, "show the others, in grey (point for names)")] : [])),
    make("div", { class: "viz-bar lab-controls" }, alpha.element, offset.element),
    make("div", { class: "viz-bar" },
      make("button", { type: "button", onclick: () => set(plain(chosen())) }, "Likeliest α for b = 0"),
      both),
    words,
    make("div", { class: "lab-panels" },
      make("div", {}, zipf.element,
        legend([["zipf-own", "counted"], ["zipf-law", "the law"]]),
        make("div", { class: "viz-bar" }, rank.element), reading),
      make("div", {}, heaps.element,
        growth)),
    make("div", { class: "lab-panels" }, fits.element, counted.element),
    make("p", { class: "lab-note" }, "Likeliest: within what the sliders reach. Ranks come from "
      + "the counts themselves, so that shares fall with rank whatever made the text.")));
  life.on("source alpha offset others", update);
  life.on("rank", () => point());
  update();
  return life.end;
}

export default { render };
