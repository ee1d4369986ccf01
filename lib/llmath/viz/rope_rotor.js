/* global kit, chart, rotor_dials */
// Pairs of coordinates that turn with the position: query at m, key at n, and their score.
const { number } = chart, TURN = 2 * Math.PI;
const SWEEP = ["vectors", "width", "base", "query_at", "key_at", "pair"];
const whole = (n) => n.toLocaleString("en");

/** θ_i = base^(−2i/E) of every pair. */
const speeds = (width, base) =>
  Array.from({ length: width / 2 }, (_, i) => base ** ((-2 * i) / width));

/** (x_2i, x_2i+1) turned by position · θ_i, pair by pair. */
function turned(x, position, theta) {
  return theta.map((speed, i) => {
    const cos = Math.cos(position * speed), sin = Math.sin(position * speed);
    const [a, b] = [x[2 * i], x[2 * i + 1]];
    return [a * cos - b * sin, a * sin + b * cos];
  });
}

const parts = (q, k) => q.map(([a, b], i) => a * k[i][0] + b * k[i][1]);
const total = (values) => values.reduce((sum, value) => sum + value, 0);

/** The score for every distance m − n in the context, from the unturned vectors. */
function curve(q, k, theta, context) {
  const still = theta.map((_, i) => [
    q[2 * i] * k[2 * i] + q[2 * i + 1] * k[2 * i + 1],
    q[2 * i + 1] * k[2 * i] - q[2 * i] * k[2 * i + 1]]);
  return Array.from({ length: 2 * context - 1 }, (_, at) => {
    const distance = at - context + 1;
    return [distance, total(still.map(([re, im], i) =>
      re * Math.cos(distance * theta[i]) - im * Math.sin(distance * theta[i])))];
  });
}

function scores(svg, width, height, { points, context, distance, score }) {
  const values = points.map(([, value]) => value), edge = context - 1;
  const high = Math.max(...values), low = Math.min(...values), air = (high - low) / 12 || 1;
  const ends = [low - air, high + air];
  const { X, Y, left, right, top, low: ground } = chart.axes(svg, width, height, {
    x: [-edge, edge], y: ends, xName: "distance m − n", yName: "score q·k after turning",
    xTicks: chart.ticks(-edge, edge, 4), yTicks: chart.ticks(...ends, 5),
  });
  svg.append(
    chart.line([[X(distance), top], [X(distance), ground]], { class: "angle-limit" }),
    chart.line([[left, Y(score)], [right, Y(score)]], { class: "angle-limit" }),
    chart.line(points.map(([x, y]) => [X(x), Y(y)]), { class: "rotor-curve" }),
    kit.draw("circle", { cx: X(distance), cy: Y(score), r: 5, class: "rotor-here" }));
}

function wavelengths(svg, width, height, { theta, pair, context }) {
  const logs = theta.map((speed) => Math.log10(TURN / speed)), last = theta.length - 1;
  const end = Math.max(Math.ceil(logs[last]), Math.ceil(Math.log10(context)));
  const powers = Array.from({ length: end + 1 }, (_, p) => p);
  const { X, Y, left, right } = chart.axes(svg, width, height, {
    x: [-0.5, last + 0.5], y: [0, end], xName: "pair i", yName: "positions in one turn",
    xTicks: chart.ticks(0, last, Math.min(4, last)),
    yTicks: powers.map((p) => [p, p ? chart.power(p) : "1"]),
  });
  const line = Y(Math.log10(context));
  svg.append(chart.line([[left, line], [right, line]], { class: "angle-bound" }),
    chart.text(left + 4, line - 5, `context: ${whole(context)}`));
  logs.forEach((log, i) => svg.append(kit.draw("circle", {
    cx: X(i), cy: Y(log), r: i === pair ? 5 : 3,
    class: i === pair ? "rotor-here" : "rotor-other",
  }, kit.draw("title", {}, `pair ${i}: ${number(10 ** log, 2)} positions`))));
}

function render({ model, el }) {
  const { make } = kit, life = kit.lifetime(model), context = model.get("context");
  const given = model.get("given"), last = context - 1;
  const set = (changes) => {
    for (const [trait, value] of Object.entries(changes)) model.set(trait, value);
    model.save_changes();
  };
  const within = (position) => Math.min(Math.max(position, 0), last);
  const move = { q: (m) => set({ query_at: within(m) }), k: (n) => set({ key_at: within(n) }) };

  const m = chart.slider({ label: "query at m", min: 0, max: last, move: move.q });
  const n = chart.slider({ label: "key at n", min: 0, max: last, move: move.k });
  const both = chart.slider({ label: "move both", min: 0, max: last, move(position) {
    const [query, key] = [model.get("query_at"), model.get("key_at")];
    const step = position - Math.min(query, key);
    set({ query_at: query + step, key_at: key + step });
  } });
  const pair = chart.slider({ label: "pair i", min: 0, max: 1,
    move: (i) => set({ pair: i }) });
  const width = chart.select("E", model.get("widths").map((e) => [e, e]), (text) =>
    set({ pair: Math.min(model.get("pair"), text / 2 - 1), width: +text }));
  const base = chart.select("base", model.get("bases").map((b) => [b, whole(b)]),
    (text) => set({ base: +text }));
  const vectors = chart.select("q and k", given.map(({ name }, i) => [i, name]),
    (text) => set({ vectors: +text }));
  const choices = [width, base, vectors].filter(({ input }) => input.options.length > 1);

  let now;
  const dial = rotor_dials.large(move, () => now);
  const dials = rotor_dials.small(life, (i) => set({ pair: i }), () => now);
  const summary = make("p", { role: "status", class: "rotor-words" });
  const left = chart.sheet(life, 230, (...at) => scores(...at, now));
  const right = chart.sheet(life, 230, (...at) => wavelengths(...at, now));
  const names = ["turn per position θᵢ", "positions in one turn 2π/θᵢ", "q is turned by m θᵢ",
    "k is turned by n θᵢ", "between the turns (m − n) θᵢ", "the pair’s part of the score"];
  const cells = names.map(() => make("td"));
  const title = make("caption");
  const table = make("table", { class: "plain-table" }, title, make("tbody", {},
    ...names.map((name, i) => make("tr", {}, make("th", { scope: "row" }, name), cells[i]))));

  function update() {
    const state = Object.fromEntries(SWEEP.map((trait) => [trait, model.get(trait)]));
    state.pair = Math.min(state.pair, state.width / 2 - 1);
    const { query_at, key_at } = state, theta = speeds(state.width, state.base);
    const { q, k } = given[state.vectors], distance = query_at - key_at;
    const there = { q: turned(q, query_at, theta), k: turned(k, key_at, theta) };
    const each = parts(there.q, there.k), score = total(each);
    const alone = total(parts(turned(q, distance, theta), turned(k, 0, theta)));
    now = { ...state, theta, there, context, distance, score, q, k,
      points: curve(q, k, theta, context) };
    m.show(query_at);
    n.show(key_at);
    both.show(Math.min(query_at, key_at), last - Math.abs(distance));
    pair.show(state.pair, theta.length - 1);
    [width, base, vectors].forEach(({ input }, i) => {
      input.value = state[["width", "base", "vectors"][i]];
    });
    const i = state.pair, turn = TURN / theta[i];
    const slow = theta.filter((speed) => TURN / speed > context).length;
    title.textContent = `Pair ${i}, coordinates ${2 * i} and ${2 * i + 1}`;
    [`${number(theta[i])} rad`, turn < 1e6 ? turn.toFixed(2) : number(turn),
      ...[query_at, key_at, distance].map((at) => `${number(at * theta[i])} rad`),
      number(each[i])].forEach((words, row) => { cells[row].textContent = words; });
    summary.replaceChildren(`Query at ${query_at}, key at ${key_at}: the score is `,
      make("b", {}, number(score)), `. Query at ${chart.minus(distance)}, key at 0: `,
      make("b", {}, number(alone)), `. ${slow} of ${theta.length} pairs do not turn once `
      + `round in ${whole(context)} positions.`);
    left.svg.setAttribute("aria-label", `Score against distance: ${number(score)} at `
      + `m − n = ${distance}, ${number(now.points[last][1])} at 0.`);
    right.svg.setAttribute("aria-label", `Positions in one turn: from ${
      number(TURN, 2)} for pair 0 to ${number(TURN / theta.at(-1), 2)} for pair ${
      theta.length - 1}.`);
    [dial, dials, left, right].forEach((part) => part.draw());
  }

  el.append(make("div", {
    class: "viz rope-rotor", role: "group", "aria-label": model.get("alt"),
  },
  make("div", { class: "viz-bar lab-controls" },
    ...[m, n, both, pair].map(({ element }) => element)),
  make("div", { class: "viz-bar" }, ...choices.map(({ element }) => element)),
  summary,
  make("div", { class: "chart-pair rotor-top" }, dial.element, table),
  make("p", { class: "lab-title" }, "All pairs, the fastest first"), dials.element,
  make("div", { class: "chart-pair" }, left.element, right.element),
  make("p", { class: "chart-note" }, "Solid arrows: the pair of the query and of the key, "
    + "turned; dashed: before turning. Drag an arrow to move its token. A pair’s arrows "
    + "are drawn on a scale of their own.")));
  life.on(SWEEP.join(" "), update);
  update();
  return () => { dial.end(); life.end(); };
}

export default { render };
