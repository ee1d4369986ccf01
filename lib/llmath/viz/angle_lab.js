/* global kit, chart, random_angles */
// How far random vectors are from being orthogonal: drawn, exactly, and by the bound.
const KINDS = [["signs", "random signs ±1"], ["gaussian", "Gaussian entries"],
  ["sphere", "uniform on the sphere"]];
const { VECTORS } = random_angles, PAIRS = (VECTORS * (VECTORS - 1)) / 2;
const DEEPEST = -12;                                  // of the logarithmic axis

const { number } = chart, whole = (n) => n.toLocaleString("en");

/** e^x where it may lie below or above what a number can hold. */
function tiny(x) {
  if (Math.abs(x) < 600) return number(Math.exp(x));
  const exponent = Math.floor(x / Math.LN10);
  const head = Math.min(Math.exp(x - exponent * Math.LN10), 9.9).toFixed(1);
  return `${head}\u00a0×\u00a0${chart.power(exponent)}`;
}

/** The most vectors N with N (N − 1)/2 pairs of chance p each that come to less than 1. */
function packed(logChance) {
  const log = Math.LN2 - logChance;                   // N (N − 1) < 2 / p
  if (log > 27) return tiny(log / 2 + Math.log1p(Math.exp(-log / 2) / 2));
  const limit = Math.exp(log);
  let n = Math.floor((1 + Math.sqrt(1 + 4 * limit)) / 2);
  if (n * (n - 1) >= limit) n -= 1;
  return whole(n);
}

/** Bars of what was drawn, an outline of what is exact, and the threshold. */
function distribution(svg, width, height, now) {
  const { bins, found, exact, t } = now, last = bins.length - 1;
  const top = Math.max(...found, ...exact) * 1.05, ends = [bins[0], bins[last]];
  const { X, Y, low, top: high } = chart.axes(svg, width, height, {
    x: ends, y: [0, top], xName: "cosine of the angle", yName: "share of the pairs",
    xTicks: chart.ticks(-now.reach, now.reach, 4),
    yTicks: chart.ticks(0, top, 5, (share) => `${+(100 * share).toFixed(4)} %`),
  });
  found.forEach((share, i) => svg.append(kit.draw("rect", {
    x: X(bins[i]) + 0.5, width: Math.max(X(bins[i + 1]) - X(bins[i]) - 1, 1), y: Y(share),
    height: low - Y(share), "data-edges": `${bins[i]} ${bins[i + 1]}`,
    class: Math.abs(bins[i] + bins[i + 1]) / 2 >= t ? "angle-far" : "angle-near",
  }, kit.draw("title", {}, `${chart.minus(bins[i].toFixed(4))} to ${
    chart.minus(bins[i + 1].toFixed(4))}: drawn ${share.toFixed(4)}, exact ${
    exact[i].toFixed(4)}`))));
  const outline = exact.flatMap((share, i) => [[bins[i], share], [bins[i + 1], share]]);
  svg.append(chart.line([[ends[0], 0], ...outline, [ends[1], 0]].map(([x, y]) => [X(x), Y(y)]),
    { class: "angle-exact" }));
  for (const x of [-t, t].filter((at) => Math.abs(at) <= ends[1])) {
    svg.append(chart.line([[X(x), low], [X(x), high]], { class: "angle-limit" }),
      chart.text(X(x), high - 4, x < 0 ? "−t" : "t", { "text-anchor": "middle" }));
  }
}

/** The chance to lie beyond t, on a logarithmic axis. */
function tails(svg, width, height, now) {
  const { kind, dimension, cosines, hundredths } = now;
  const end = Math.min(Math.max(Math.ceil(100 * now.reach), hundredths), 99);
  const edge = end < 99 ? end / 100 : 1;
  const marks = Array.from({ length: end }, (_, i) => i + 1);
  const tens = (log) => log / Math.LN10;
  const exact = marks.map((h) => tens(random_angles.logTail(kind, dimension, h)));
  const deepest = Math.max(Math.floor(Math.min(exact.at(-1), -1)), DEEPEST);
  const step = deepest < -6 ? 3 : deepest < -3 ? 2 : 1, powers = [];
  for (let p = 0; p >= deepest; p -= step) powers.push(p);
  const { X, Y, low, top: high } = chart.axes(svg, width, height, {
    x: [0, edge], y: [deepest, 0.35], xName: "threshold t", yName: "P(|cos| ≥ t)",
    xTicks: chart.ticks(0, edge),
    yTicks: powers.map((p) => [p, p ? chart.power(p) : "1"]),
  });
  const kept = (log) => (log >= deepest - 1e-9 ? log : NaN);
  const draw = (values, name) => svg.append(chart.line(
    marks.map((h, i) => [X(h / 100), Y(kept(values[i]))]), { class: name }));
  draw(marks.map((h) => tens(random_angles.logBound(dimension, h))), "angle-bound");
  draw(exact, "angle-exact");
  for (const h of marks) {
    const share = cosines.filter((c) => Math.abs(c) >= h / 100 - 1e-12).length / PAIRS;
    if (share) {
      svg.append(kit.draw("circle", { cx: X(h / 100), cy: Y(Math.log10(share)),
        r: width / end > 12 ? 3 : 1.7, class: "angle-drawn" }));
    }
  }
  svg.append(chart.line([[X(now.t), low], [X(now.t), high]], { class: "angle-limit" }));
}

function render({ model, el }) {
  const { make } = kit, life = kit.lifetime(model), seed = model.get("seed");
  const dimensions = model.get("dimensions"), cache = new Map();
  const set = (trait, value) => { model.set(trait, value); model.save_changes(); };

  const size = chart.slider({ label: "dimensions D", min: 0, max: dimensions.length - 1,
    words: (i) => dimensions[i], move: (i) => set("dimension", dimensions[i]) });
  const limit = chart.slider({ label: "threshold t", min: 1, max: 99,
    words: (h) => (h / 100).toFixed(2), move: (h) => set("hundredths", h) });
  const kind = chart.select("Vectors", KINDS, (value) => set("kind", value));
  const zoom = make("input", { type: "checkbox", onchange: () => set("zoom", zoom.checked) });
  const summary = make("p", { role: "status", class: "angle-words" });
  let now;
  const bars = chart.sheet(life, 250, (...at) => distribution(...at, now));
  const curves = chart.sheet(life, 250, (...at) => tails(...at, now));
  const rows = ["bound 2 exp(−D t²/2)", "exact", "drawn"].map((name) => {
    const cells = [make("td"), make("td")];
    return { cells, line: make("tr", {}, make("th", { scope: "row" }, name), ...cells) };
  });
  const table = make("table", { class: "plain-table" },
    make("thead", {}, make("tr", {}, ...["how known", "P(|cos| ≥ t)", "vectors N"].map((words) =>
      make("th", { scope: "col" }, words)))),
    make("tbody", {}, ...rows.map(({ line }) => line)));

  function sample(which, dimension) {                 // the latest few are kept
    const name = `${which} ${dimension}`;
    if (!cache.has(name)) {
      if (cache.size > 40) cache.clear();
      cache.set(name, random_angles.drawn(which, dimension, seed));
    }
    return cache.get(name);
  }

  function update() {
    const dimension = model.get("dimension"), hundredths = model.get("hundredths");
    const which = model.get("kind"), { cosines, ...lengths } = sample(which, dimension);
    const reach = model.get("zoom") ? Math.min(1, 5 / Math.sqrt(dimension)) : 1;
    const bins = random_angles.edges(which, dimension, reach);
    now = { kind: which, dimension, hundredths, t: hundredths / 100, reach, cosines, bins,
      ...random_angles.histogram(which, dimension, bins, cosines) };
    size.show(dimensions.indexOf(dimension));
    limit.show(hundredths);
    kind.input.value = which;
    zoom.checked = model.get("zoom");
    say(lengths);
    bars.draw();
    curves.draw();
  }

  function say({ shortest, longest }) {
    const { dimension, hundredths, t, cosines } = now, root = Math.sqrt(dimension);
    const bound = random_angles.logBound(dimension, hundredths);
    const exact = random_angles.logTail(now.kind, dimension, hundredths);
    const spread = Math.sqrt(cosines.reduce((sum, c) => sum + c * c, 0) / PAIRS);
    const far = cosines.filter((c) => Math.abs(c) >= t - 1e-12).length;
    const most = cosines.reduce((top, c) => Math.max(top, Math.abs(c)), 0);
    const lengths = { signs: "√D, all of them", sphere: "1, all of them",
      gaussian: `${(shortest * root).toFixed(2)} to ${(longest * root).toFixed(2)}` };
    summary.replaceChildren("The cosines spread by 1/√D = ",
      make("b", {}, (1 / root).toFixed(4)), "; those drawn here by ",
      make("b", {}, spread.toFixed(4)), ". Of ", whole(PAIRS), " pairs, ",
      make("b", {}, whole(far)), ` have |cos| ≥ ${t.toFixed(2)}; the largest |cos| is `,
      make("b", {}, most.toFixed(4)), `. Lengths: ${lengths[now.kind]}.`);
    const cells = [
      [`${tiny(bound)}${bound > 0 ? ", says nothing" : ""}`, packed(bound)],
      [tiny(exact), packed(exact)], [far ? number(far / PAIRS) : "0", `${VECTORS} drawn`]];
    cells.forEach((pair, i) => pair.forEach((words, j) => {
      rows[i].cells[j].textContent = words;
    }));
    bars.svg.setAttribute("aria-label", `Histogram of the cosines in ${dimension} ` +
      `dimensions: they spread by ${spread.toFixed(4)} around 0.`);
    curves.svg.setAttribute("aria-label", `Chance of |cos| ≥ ${t.toFixed(2)}: at most ` +
      `${tiny(bound)}, exactly ${tiny(exact)}, drawn ${number(far / PAIRS)}.`);
  }

  const mark = (name, words) => make("span", {}, make("i", { class: name }), words);
  el.append(make("div", {
    class: "viz angle-lab", role: "group", "aria-label": model.get("alt"),
  },
  make("div", { class: "viz-bar lab-controls" }, size.element, limit.element),
  make("div", { class: "viz-bar" }, kind.element,
    make("label", { class: "viz-check" }, zoom, "zoom to ±5/√D")),
  summary,
  make("div", { class: "chart-pair" }, bars.element, curves.element),
  make("p", { class: "chart-key", "aria-hidden": "true" }, mark("angle-near", "drawn (bars, dots)"),
    mark("angle-far", "drawn, |cos| ≥ t"), mark("angle-exact", "exact"),
    mark("angle-bound", "bound")),
  table,
  make("p", { class: "lab-note" }, `The pairs of ${VECTORS} vectors, drawn in the page; `
    + `seed ${seed}. N: so many vectors exist with |cos| < t for all pairs, since the `
    + "chances of all N (N − 1)/2 pairs come to less than 1. D orthogonal vectors always exist.")));
  life.on("dimension hundredths kind zoom", update);
  update();
  return life.end;
}

export default { render };
