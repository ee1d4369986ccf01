// Dials of the rotor: one large, whose arrows can be dragged, and a small one for each pair.
const CELL = 31, MIDDLE = 115, RADIUS = 92, NEAR = 45, ALIKE = 20;
const length = ([a, b]) => Math.hypot(a, b);
const raw = (x, i) => [x[2 * i], x[2 * i + 1]];

/** Where an arrow ends: y points up, the longer of the two fills the circle. */
function tip([a, b], scale, centre, radius) {
  return [centre[0] + (radius * a) / scale, centre[1] - (radius * b) / scale];
}
const scaleOf = (now, i) =>
  Math.max(length(raw(now.q, i)), length(raw(now.k, i))) || 1;

/** The chosen pair. `move.q(m)` and `move.k(n)` set positions; `now()` is what is shown. */
function large(move, now) {
  const { draw } = kit, centre = [MIDDLE, MIDDLE], tips = {}, pieces = {};
  const items = ["k", "q"].flatMap((who) => {
    const piece = pieces[who] = {
      before: draw("line", { x1: MIDDLE, y1: MIDDLE, class: `rotor-before rotor-${who}` }),
      arrow: draw("line", { x1: MIDDLE, y1: MIDDLE, class: `rotor-arrow rotor-${who}` }),
      handle: draw("circle", { r: who === "k" ? 10 : 8, class: `rotor-handle rotor-${who}` }),
      name: draw("text", { "text-anchor": "middle", class: "rotor-name" }, who),
    };
    return Object.values(piece);
  });
  const svg = draw("svg", { class: "rotor-dial", role: "img",
    viewBox: `0 0 ${2 * MIDDLE} ${2 * MIDDLE}`, width: 2 * MIDDLE, height: 2 * MIDDLE },
  draw("circle", { cx: MIDDLE, cy: MIDDLE, r: RADIUS, class: "rotor-ring" }), ...items);
  let held;

  const angle = ({ clientX, clientY }) => {
    const { left, top, width } = svg.getBoundingClientRect(), size = width / 2;
    return Math.atan2(top + size - clientY, clientX - left - size);
  };
  function grab(event) {
    const { left, top } = svg.getBoundingClientRect();
    const away = (who) => Math.hypot(event.clientX - left - tips[who][0],
      event.clientY - top - tips[who][1]);
    const who = away("q") <= away("k") ? "q" : "k";
    if (away(who) > NEAR) return;
    event.preventDefault();
    svg.setPointerCapture(event.pointerId);
    held = { who, last: angle(event), swept: 0,
      from: now()[who === "q" ? "query_at" : "key_at"] };
  }
  function drag(event) {
    if (!held) return;
    const at = angle(event), { theta, pair } = now();
    held.swept += Math.atan2(Math.sin(at - held.last), Math.cos(at - held.last));
    held.last = at;
    move[held.who](held.from + Math.round(held.swept / theta[pair]));
  }
  const drop = () => { held = undefined; };
  svg.addEventListener("pointerdown", grab);
  svg.addEventListener("pointermove", drag);
  svg.addEventListener("pointerup", drop);
  svg.addEventListener("pointercancel", drop);

  function place(element, [x, y], names = ["x2", "y2"]) {
    element.setAttribute(names[0], x.toFixed(2));
    element.setAttribute(names[1], y.toFixed(2));
  }
  function show() {
    const state = now(), i = state.pair, scale = scaleOf(state, i);
    for (const who of ["q", "k"]) {
      const piece = pieces[who], vector = state.there[who][i];
      tips[who] = tip(vector, scale, centre, RADIUS);
      place(piece.before, tip(raw(state[who], i), scale, centre, RADIUS));
      place(piece.arrow, tips[who]);
      place(piece.handle, tips[who], ["cx", "cy"]);
    }
    // names of tips that lie upon each other stand left and right of the arrow
    const alike = length(tips.q.map((x, n) => x - tips.k[n])) < ALIKE;
    for (const [who, left] of [["q", 10], ["k", -10]]) {
      const vector = state.there[who][i], [a, b] = vector.map((x) => x / (length(vector) || 1));
      const beyond = (RADIUS * length(vector)) / scale + 18, aside = alike ? left : 0;
      place(pieces[who].name, [MIDDLE + beyond * a - aside * b,
        MIDDLE - beyond * b - aside * a + 4], ["x", "y"]);
    }
    const [q, k] = ["q", "k"].map((who) => state.there[who][i].map((x) => x.toFixed(4)));
    svg.setAttribute("aria-label", `Pair ${i}: q points to (${q.join(", ")}), k to (${
      k.join(", ")}).`.replaceAll("-", "−"));
  }
  return { element: svg, draw: show, end: drop };
}

/** All pairs, row by row; a click chooses one. */
function small(life, choose, now) {
  const across = (width) => Math.max(Math.floor(width / CELL), 4);
  function paint(svg, width) {
    const state = now(), columns = across(width);
    state.theta.forEach((_, i) => {
      const centre = [(i % columns) * CELL + CELL / 2, Math.floor(i / columns) * CELL + CELL / 2];
      const scale = scaleOf(state, i), cell = kit.draw("g", {
        class: i === state.pair ? "rotor-cell chosen" : "rotor-cell",
        onclick: () => choose(i),
      }, kit.draw("title", {}, `pair ${i}`),
      kit.draw("circle", { cx: centre[0], cy: centre[1], r: CELL / 2 - 2 }));
      for (const who of ["k", "q"]) {
        const [x, y] = tip(state.there[who][i], scale, centre, CELL / 2 - 4);
        cell.append(kit.draw("line", { x1: centre[0], y1: centre[1], x2: x, y2: y,
          class: `rotor-${who}` }));
      }
      svg.append(cell);
    });
    svg.setAttribute("aria-label", `All ${state.theta.length} pairs as small dials; pair ${
      state.pair} is chosen.`);
  }
  const height = (width) => Math.ceil(now().theta.length / across(width)) * CELL + 2;
  return chart.sheet(life, height, paint, { class: "rotor-cells" });
}

export default { large, small };
