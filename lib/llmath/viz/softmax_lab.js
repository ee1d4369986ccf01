/* global kit */
// Scores, weights, entropy and gradients of random lookups: Python measured every state.
const MARKS = [["median", "●"], ["mean", "◆"], ["99th percentile", "❙"]];
const RANGE = [-8, 3];                                // of the gradients, powers of ten
const TINY = 1e-12;                                   // below it float64 rounds
const PER_STATE = 8;                                  // numbers for each count of keys
const STEPS = 65535;                                  // a share is stored in 16 bits

const power = (exponent) => `10${String(exponent).replace(/[-\d]/g, (c) =>
  (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]))}`;
function number(value) {
  if (value < TINY) return `< ${power(Math.log10(TINY))}`;
  if (value >= 1e-3) return value.toFixed(4);
  const [digits, exponent] = value.toExponential(1).split("e");
  return `${digits} × ${power(+exponent)}`;
}
const percent = (share) => `${(100 * share).toFixed(2)}\u00a0%`;

const minus = (value) => String(value).replace("-", "−");

const bytes = (view) =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice().buffer;

/** The tables as Python packed them, and what they say about one state. */
function lookup(model) {
  const grid = model.get("grid"), { lowest, highest, last } = grid;
  const stats = new Float32Array(bytes(model.get("stats")));
  const histograms = new Uint16Array(bytes(model.get("histograms")));
  const dots = new Float32Array(bytes(model.get("dots")));
  const bins = 2 * last + 3, longest = Math.max(...grid.n_keys);

  return ({ width, tau, sigma, root, n_keys }) => {
    const place = grid.width.indexOf(width);
    let rows = 0;                                     // each width has one row more
    for (let i = 0; i < place; i += 1) rows += highest - lowest + 1 + i;
    const sharpness = sigma ** 2 / tau / (root ? Math.sqrt(width) : 1);
    const row = rows + Math.round(Math.log2(sharpness)) - lowest + place;
    const start = (row * grid.n_keys.length + grid.n_keys.indexOf(n_keys)) * PER_STATE;
    const [entropy, sure, ...norms] = stats.subarray(start, start + PER_STATE);
    const scores = [...dots.subarray(place * longest, place * longest + n_keys)]
      .map((dot) => sharpness * dot);
    const e = scores.map((z) => Math.exp(z - Math.max(...scores)));
    const total = e.reduce((a, b) => a + b);
    return {
      entropy, sure, spread: sharpness * grid.spread[place],
      histogram: [...histograms.subarray(row * bins, (row + 1) * bins)]
        .map((steps) => steps / STEPS),
      weights: e.map((x) => x / total),
      dz: norms.slice(0, 3),
      dq: norms.slice(3).map((norm) => norm / sigma),  // z holds σ q₀: one factor 1/σ
    };
  };
}

/** Upright bars over an axis; `show(values, top)` sets them and the axis' end. */
function bars(kind, title, below, tick) {
  const { make } = kit;
  const head = make("span"), top = make("span"), half = make("span");
  const box = make("div", { class: "lab-bars" });
  const ends = make("div", { class: "lab-ends", "aria-hidden": "true" });
  const element = make("div", { class: `lab-panel ${kind}` },
    make("p", { class: "lab-title" }, title, " ", head),
    make("div", { class: "lab-plot", role: "img" },
      make("div", { class: "lab-axis", "aria-hidden": "true" }, top, half,
        make("span", {}, "0")), box),
    ends,
    make("p", { class: "lab-below", "aria-hidden": "true" }, below));
  /** `ticks` are [bar, text]: under which bar what is written. */
  function show(values, limit, { words, says, ticks }) {
    while (box.childElementCount > values.length) box.lastChild.remove();
    while (box.childElementCount < values.length) box.append(make("i"));
    values.forEach((value, i) => {
      box.children[i].style.height = `${(100 * value) / limit}%`;
      box.children[i].title = says(value, i);
    });
    [top.textContent, half.textContent] = [tick(limit), tick(limit / 2)];
    head.textContent = words;
    ends.replaceChildren(...ticks.map(([bar, text]) => make("span", {
      style: `left:${(100 * (bar + 0.5)) / values.length}%`,
    }, text)));
    element.querySelector("[role=img]").setAttribute("aria-label", `${title} ${words}`);
  }
  return { element, show, box };
}

/** Median, mean and 99th percentile of a gradient on a logarithmic axis, twice. */
function lane(name, root) {
  const { make } = kit;
  const marks = MARKS.map(([, shape]) => make("span", { class: "lab-mark" }, shape));
  const track = make("div", { class: "lab-track" }, ...marks);
  const element = make("div", { class: "lab-lane", "data-root": String(root) },
    make("span", {}, name), make("span", {}, root ? "÷ √E" : "no root"), track);
  function show(norms, chosen) {
    norms.forEach((norm, i) => {
      const place = (Math.log10(norm || 1e-300) - RANGE[0]) / (RANGE[1] - RANGE[0]);
      marks[i].style.left = `${100 * Math.min(Math.max(place, 0), 1)}%`;
      marks[i].textContent = place < 0 ? "◂" : MARKS[i][1];
      marks[i].title = `${MARKS[i][0]}: ${number(norm)}`;
    });
    element.classList.toggle("chosen", chosen);
  }
  return { element, show };
}

function table() {
  const { make } = kit;
  const cells = ["∂ℒ/∂z", "∂ℒ/∂q"].map((name) => [name, [0, 1, 2].map(() => make("td"))]);
  const element = make("table", { class: "lab-table" },
    make("caption", {}, "Length of the gradient of ℒ = Σ gⱼ pⱼ, as chosen"),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "with respect to"),
      ...MARKS.map(([name, shape]) => make("th", { scope: "col" },
        make("span", { "aria-hidden": "true" }, `${shape}\u00a0`), name)))),
    make("tbody", {}, ...cells.map(([name, row], i) => make("tr", {},
      make("th", { scope: "row" }, i ? "the query, " : "the scores, ",
        make("span", {}, name)), ...row))));
  const show = (found) => ["dz", "dq"].forEach((part, i) =>
    found[part].forEach((norm, j) => { cells[i][1][j].textContent = number(norm); }));
  return { element, show };
}

function render({ model, el }) {
  const { make } = kit, life = kit.lifetime(model), grid = model.get("grid");
  const find = lookup(model), { last } = grid;
  const beyond = { 0: `< ${minus(-last - 0.5)}`, [2 * last + 2]: `> ${last + 0.5}` };
  const set = (trait, value) => { model.set(trait, value); model.save_changes(); };

  /** A slider over the values that Python measured. */
  function slider(trait, text) {
    const id = kit.id(), values = grid[trait], output = make("output", { for: id });
    const input = make("input", {
      type: "range", id, min: 0, max: values.length - 1, step: 1,
      oninput: () => set(trait, values[input.value]),
    });
    const show = () => {
      const value = model.get(trait);
      input.value = values.indexOf(value);
      input.setAttribute("aria-valuetext", value);
      output.textContent = value;
    };
    return { show, element: make("div", { class: "lab-slider" },
      make("label", { for: id }, text), input, output) };
  }
  const sliders = [slider("width", "head width E"), slider("tau", "temperature τ"),
    slider("sigma", "entries’ std σ"), slider("n_keys", "keys S")];
  const root = make("input", {
    type: "checkbox", onchange: () => set("root", root.checked),
  });
  const formula = make("output", { class: "lab-formula", "aria-live": "off" });
  const summary = make("p", { role: "status", class: "lab-words" });
  const histogram = bars("lab-scores", "Scores z:", "score (nats), bins of width 1", (limit) => `${+(100 * limit).toFixed(1)} %`);
  const row = bars("lab-row", "One row of weights:", "key",
    (limit) => limit.toString());
  const lanes = ["dz", "dq"].flatMap((part) => [true, false].map((rooted) => ({
    part, rooted, ...lane(part === "dz" ? "‖∂ℒ/∂z‖" : "‖∂ℒ/∂q‖", rooted),
  })));
  const numbers = table();
  const exponents = [-8, -6, -4, -2, 0, 2];
  const above = make("p", { class: "lab-title" },
    "The same lengths on a logarithmic axis, with the root and without");
  const axis = make("div", { class: "lab-lane lab-powers" }, make("span"), make("span"),
    make("div", { class: "lab-track" }, ...exponents.map((exponent) => make("span", {
      style: `left:${(100 * (exponent - RANGE[0])) / (RANGE[1] - RANGE[0])}%`,
    }, power(exponent)))));

  function update() {
    const state = Object.fromEntries(["width", "tau", "sigma", "root", "n_keys"]
      .map((trait) => [trait, model.get(trait)]));
    const { width, tau, n_keys } = state, found = find(state);
    sliders.forEach((one) => one.show());
    root.checked = state.root;
    formula.textContent = `z = q·k / ${state.root ? `(√${width} · ${tau})` : tau}`;
    const peak = Math.max(...found.histogram);
    const limit = [0.05, 0.1, 0.2, 0.5, 1].find((top) => top >= peak - 1e-9);
    histogram.show(found.histogram, limit, {
      words: `standard deviation ${found.spread.toFixed(4)} nats`,
      says: (share, i) => `${beyond[i] ?? `around ${i - last - 1}`}: ${percent(share)}`,
      ticks: [[1, beyond[0]], ...[-8, 0, 8].map((z) => [z + last + 1, minus(z)]),
        [2 * last + 1, beyond[2 * last + 2]]],
    });
    row.show(found.weights, 1, {
      words: `the largest is ${Math.max(...found.weights).toFixed(4)}`,
      says: (weight, j) => `key ${j + 1}: ${weight.toFixed(4)}`,
      ticks: [1, n_keys / 2, n_keys].map((key) => [key - 1, key]),
    });
    figure.dataset.root = state.root;
    summary.replaceChildren("Mean entropy of the rows ",
      make("b", {}, `${found.entropy.toFixed(4)} nats`), ", ",
      make("b", {}, percent(found.entropy / Math.log(n_keys))),
      ` of log ${n_keys}. The largest weight exceeds 0.99 in `,
      make("b", {}, percent(found.sure)), " of them.");
    for (const { part, rooted, show } of lanes) {
      show(find({ ...state, root: rooted })[part], rooted === state.root);
    }
    numbers.show(found);
  }

  const count = grid.heads * grid.queries;
  const figure = make("div", {
    class: "viz softmax-lab", role: "group", "aria-label": model.get("alt"),
  },
  make("div", { class: "viz-bar lab-controls" }, ...sliders.map((one) => one.element),
    make("div", { class: "lab-slider" },
      make("label", { class: "viz-check" }, root, "divide by √E"), formula)),
  summary,
  make("div", { class: "lab-panels" }, histogram.element, row.element),
  numbers.element,
  make("div", { class: "lab-lanes", "aria-hidden": "true" },
    above, ...lanes.map((one) => one.element), axis),
  make("p", { class: "lab-note" }, `${count.toLocaleString("en")} queries in ${grid.heads} `
    + `heads, ${(count * Math.max(...grid.n_keys)).toLocaleString("en")} scores (the `
    + "histogram’s, of all 64 keys); normal entries of q and k with standard deviation "
    + `σ, of g with 1; seed ${grid.seed}. ◂: less than ${power(RANGE[0])}.`));
  el.append(figure);
  life.on("width tau sigma root n_keys", update);
  update();
  return life.end;
}

export default { render };
