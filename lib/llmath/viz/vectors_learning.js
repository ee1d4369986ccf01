/* global kit, chart, word_plane */
// Words as points that move while their vectors are learned, beside the loss.
const STEPS = 32767, PACE = 140, NEAREST = 6;         // ms for a frame when it plays

function shorts(view) {
  const { buffer, byteOffset, byteLength } = view;
  return new Int16Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** Points and cosines of a frame, as Python packed them. */
function frames(model) {
  const points = shorts(model.get("points")), cosines = shorts(model.get("cosines"));
  const n = model.get("words").length, scale = model.get("scale");
  const half = (n * (n - 1)) / 2;
  return {
    point: (frame, word) => [0, 1].map((axis) =>
      (scale * points[2 * (frame * n + word) + axis]) / STEPS),
    cosine(frame, a, b) {
      if (a === b) return 1;
      const [high, low] = a > b ? [a, b] : [b, a];
      return cosines[frame * half + (high * (high - 1)) / 2 + low] / STEPS;
    },
  };
}

function losses(svg, width, height, { steps, values, frame, unit }) {
  const low = Math.min(...values), high = Math.max(...values), air = (high - low) / 12 || 1;
  const ends = [low - air, high + air], last = steps.at(-1);
  const { X, Y, top, low: ground } = chart.axes(svg, width, height, {
    x: [steps[0], last], y: ends, xName: "step of training", yName: `loss (${unit})`,
    xTicks: chart.ticks(steps[0], last, 3, (step) => step.toLocaleString("en")),
    yTicks: chart.ticks(...ends, 4),
  });
  svg.append(chart.line(values.map((value, i) => [X(steps[i]), Y(value)]),
    { class: "rotor-curve" }),
  chart.line([[X(steps[frame]), top], [X(steps[frame]), ground]], { class: "angle-limit" }),
  kit.draw("circle", { cx: X(steps[frame]), cy: Y(values[frame]), r: 5, class: "rotor-here" }));
}

function render({ model, el }) {
  const { make } = kit, life = kit.lifetime(model), data = frames(model);
  const words = model.get("words"), steps = model.get("steps"), values = model.get("losses");
  const shares = model.get("shares"), group = model.get("group"), unit = model.get("unit");
  const last = steps.length - 1, everywhere = steps.flatMap((_, frame) =>
    words.map((__, i) => data.point(frame, i)));
  const set = (trait, value) => { model.set(trait, value); model.save_changes(); };
  let timer, now;

  const time = chart.slider({ label: "step of training", min: 0, max: last,
    words: (frame) => steps[frame].toLocaleString("en"),
    move(frame) { stop(); set("frame", frame); } });
  const choose = (word) => set("word", +word);
  const word = chart.select("Word", words.map((text, i) => [i, text]), choose);
  const fit = make("input", { type: "checkbox", onchange: () => set("fit", fit.checked) });
  const play = make("button", { type: "button", class: "frames-play", onclick() {
    if (timer) return stop();
    if (model.get("frame") === last) set("frame", 0);
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "Pause");
    timer = setInterval(() => {
      if (model.get("frame") === last) return stop();
      return set("frame", model.get("frame") + 1);
    }, PACE);
    return undefined;
  } });
  function stop() {
    clearInterval(timer);
    timer = undefined;
    play.textContent = "▶";
    play.setAttribute("aria-label", "Play");
  }

  const summary = make("p", { role: "status", class: "learning-words" });
  const plane = chart.sheet(life, (width) => Math.min(width, 400), (...at) =>
    word_plane.paint(...at, now));
  const curve = chart.sheet(life, 190, (...at) => losses(...at, now));
  const near = word_plane.table(NEAREST, "cosine");

  function update() {
    const frame = model.get("frame"), chosen = model.get("word");
    const order = words.map((_, i) => i).filter((i) => i !== chosen)
      .sort((a, b) => data.cosine(frame, chosen, b) - data.cosine(frame, chosen, a));
    const nearest = order.slice(0, NEAREST);
    const at = words.map((_, i) => data.point(frame, i));
    now = { steps, values, frame, unit, words, group, chosen, nearest, at, choose,
      within: model.get("fit") ? at : everywhere, xName: "first direction", yName: "second direction",
      trail: Array.from({ length: model.get("fit") ? 0 : frame + 1 }, (_, f) =>
        data.point(f, chosen)) };
    time.show(frame);
    word.input.value = chosen;
    fit.checked = model.get("fit");
    const [best] = nearest, cosine = data.cosine(frame, chosen, best);
    summary.replaceChildren(`Step ${steps[frame].toLocaleString("en")}: loss `,
      make("b", {}, `${values[frame].toFixed(4)} ${unit}`), `. Nearest to “${words[chosen]}” is “`,
      make("b", {}, words[best]), `”, cosine `, make("b", {}, chart.minus(cosine.toFixed(4))),
      ...(shares.length ? [". The plane holds ",
        make("b", {}, `${(100 * shares[frame]).toFixed(1)}\u00a0%`), " of the variance."] : ["."]));
    near.show(`Nearest to “${words[chosen]}”`, nearest.map((i) =>
      [words[i], data.cosine(frame, chosen, i)]));
    plane.svg.setAttribute("aria-label", `${words.length} words as points. Nearest to “${
      words[chosen]}”: ${nearest.map((i) => words[i]).join(", ")}.`);
    curve.svg.setAttribute("aria-label", `Loss from ${values[0].toFixed(4)} to ${
      values[last].toFixed(4)} ${unit}; here ${values[frame].toFixed(4)}.`);
    plane.draw();
    curve.draw();
  }

  stop();
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const names = model.get("groups");
  el.append(make("div", {
    class: "viz vectors-learning", role: "group", "aria-label": model.get("alt"),
  },
  make("div", { class: "viz-bar learning-time" }, time.element, ...(calm ? [] : [play]),
    word.element, make("label", { class: "viz-check" }, fit, "fit to this step")),
  summary,
  make("div", { class: "chart-pair" },
    make("div", {}, plane.element, ...(names.length ? [make("p", { class: "chart-key" },
      ...names.map((name, i) => make("span", {},
        make("i", { class: `plane-${word_plane.COLOURS[i]}` }), name)))] : [])),
    make("div", {}, curve.element, near.element)),
  make("p", { class: "chart-note" }, "Choose a word, or click one: its path so far and its "
    + "nearest words are drawn. Names that would lie upon others are left out.")));
  life.on("frame word fit", update);
  update();
  return () => { stop(); life.end(); };
}

export default { render };
