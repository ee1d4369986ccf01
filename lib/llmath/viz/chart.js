// Drawings in SVG, as wide as their place: axes with ticks and names, lines, sizes of text.
const LEFT = 50, RIGHT = 14, TOP = 24, BOTTOM = 40;   // px around what is drawn
const minus = (text) => String(text).replace(/^-/, "−");

const power = (exponent) => `10${[...String(exponent)].map((c) =>
  (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("")}`;

/** Four decimals, and below 0.001 two digits and a power of ten. */
function number(x, digits = 4) {
  const size = Math.abs(x);
  if (size === 0 || (size >= 1e-3 && size < 1e6)) return minus(x.toFixed(digits));
  const [head, exponent] = x.toExponential(1).split("e");
  return minus(`${head}\u00a0×\u00a0${power(+exponent)}`);
}

/** An element that `paint(svg, width)` fills, again whenever its width changes. */
function sheet(life, height, paint, attributes = {}) {
  const svg = kit.draw("svg", { role: "img", ...attributes });
  const element = kit.make("div", { class: "chart" }, svg);
  function draw() {
    const width = element.clientWidth;
    if (!width) return;                               // not on the page yet
    const tall = typeof height === "function" ? height(width) : height;
    svg.setAttribute("width", width);
    svg.setAttribute("height", tall);
    svg.replaceChildren();
    paint(svg, width, tall);
  }
  life.resize(element, draw);
  return { element, svg, draw };
}

const text = (x, y, words, attributes = {}) =>
  kit.draw("text", { x, y, ...attributes }, words);

/** A path through points; a point that is no number breaks it. */
function line(points, attributes = {}) {
  let pen = "M", d = "";
  for (const [x, y] of points) {
    if (Number.isFinite(x) && Number.isFinite(y)) {
      d += `${pen}${x.toFixed(2)} ${y.toFixed(2)}`;
      pen = "L";
    } else pen = "M";
  }
  return kit.draw("path", { d, fill: "none", ...attributes });
}

/** Axes into the drawing; gives back where a value lies. Ticks are [value, words]. */
function axes(svg, width, height, { x, y, xTicks, yTicks, xName, yName }) {
  const right = width - RIGHT, low = height - BOTTOM;
  const X = (value) => LEFT + ((value - x[0]) / (x[1] - x[0])) * (right - LEFT);
  const Y = (value) => low - ((value - y[0]) / (y[1] - y[0])) * (low - TOP);
  const group = kit.draw("g", { class: "chart-axes" });
  for (const [value, words] of yTicks) {
    group.append(
      kit.draw("line", { x1: LEFT, x2: right, y1: Y(value), y2: Y(value) }),
      text(LEFT - 6, Y(value) + 4, words, { "text-anchor": "end" }));
  }
  group.append(kit.draw("line", { class: "chart-ground", x1: LEFT, x2: right, y1: low, y2: low }));
  for (const [value, words, anchor = "middle"] of xTicks) {
    group.append(
      kit.draw("line", { class: "chart-ground", x1: X(value), x2: X(value), y1: low, y2: low + 4 }),
      text(X(value), low + 17, words, { "text-anchor": anchor }));
  }
  group.append(text((LEFT + right) / 2, height - 5, xName, { "text-anchor": "middle" }),
    text(2, 13, yName));
  svg.append(group);
  return { X, Y, left: LEFT, right, top: TOP, low };
}

/** Round values between two ends, at most so many, as [value, words]. */
function ticks(low, high, most = 5, words = (value) => minus(+value.toFixed(6))) {
  const rough = (high - low) / most, unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((times) => times * unit >= rough * (1 - 1e-9));
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step)
    .map((value) => [value, words(value)]);
}

/** A slider with its label and value; `words(value)` is what is read out. */
function slider({ label, min, max, step = 1, words = String, move }) {
  const id = kit.id(), output = kit.make("output", { for: id });
  const input = kit.make("input", {
    type: "range", id, min, max, step, oninput: () => move(+input.value),
  });
  function show(value, most = max) {
    input.max = most;
    input.value = value;
    output.textContent = words(value);
    input.setAttribute("aria-valuetext", output.textContent);
  }
  const element = kit.make("div", { class: "lab-slider" },
    kit.make("label", { for: id }, label), input, output);
  return { element, show, input };
}

/** A box to choose from: `options` are [value, words]. */
function select(label, options, choose) {
  const input = kit.make("select", { onchange: () => choose(input.value) },
    ...options.map(([value, words]) => kit.make("option", { value }, words)));
  return { input, element: kit.make("label", {}, label, input) };
}

export default { axes, line, minus, number, power, select, sheet, slider, text, ticks };
