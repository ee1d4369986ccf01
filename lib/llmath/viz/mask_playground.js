/* global kit, attention_detail, small_attention */
// Attention among a few tokens, computed here: what a mask and an order change.
const PLACES = "0123456789ab";                        // an order is a word of these
const MASKS = {
  none: "none", causal: "causal", window: "sliding window", prefix: "prefix",
  padding: "padding on one token",
};
const POINT = matchMedia("(hover: none)").matches ? "Tap" : "Point at";
const HINT = `${POINT} a cell to read its weight; hatched cells are masked.`;
const ROUNDING = 1e-9;                                // sums in another order differ

/** The tokens in a row: choose one; move it by the keyboard, or drag it. */
function shelf(labels, choose, move) {
  const { make } = kit;
  let order = [], dragged;
  const buttons = labels.map((label, token) => make("button", {
    type: "button", tabindex: "-1", onclick: () => choose(token),
    onfocus: () => choose(token),
    onkeydown(event) {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!event.shiftKey || !way) return;
      event.preventDefault();
      event.stopPropagation();
      move(token, order.indexOf(token) + way);
    },
    onpointerdown() { dragged = token; choose(token); },
  }, label));
  const element = make("div", {
    class: "shelf", role: "toolbar", "aria-label": "Tokens in their order",
    onpointermove({ clientX, clientY, buttons: pressed }) {
      if (dragged === undefined || !pressed) return;
      const over = document.elementFromPoint(clientX, clientY)?.closest("button");
      const to = order.indexOf(buttons.indexOf(over)), from = order.indexOf(dragged);
      if (to < 0 || to === from) return;
      const { left, width } = over.getBoundingClientRect();
      if (to > from === clientX > left + width / 2) move(dragged, to);
    },
  });
  const drop = () => { dragged = undefined; };
  ["pointerup", "pointercancel"].forEach((name) => addEventListener(name, drop));
  const at = (row, place) => (row === 0 ? buttons[order[place]] : undefined);
  let stop;
  function show(now, chosen) {
    if (now.join() !== order.join()) {
      order = now;                                     // the chosen one stays: it may have
      const pivot = buttons[chosen];                  // the focus, or a finger on it
      const row = order.map((token) => buttons[token]), place = row.indexOf(pivot);
      if (!pivot.parentElement) element.append(pivot);
      pivot.before(...row.slice(0, place));
      pivot.after(...row.slice(place + 1));
    }
    buttons.forEach((button, token) => {
      button.tabIndex = -1;
      button.setAttribute("aria-pressed", String(token === chosen));
    });
    stop ??= kit.roving(element, at, 1, labels.length);
    stop(0, order.indexOf(chosen));
  }
  const end = () => ["pointerup", "pointercancel"]
    .forEach((name) => removeEventListener(name, drop));
  return { element, show, end, focus: (token) => buttons[token].focus() };
}

/** Each place's output as a strip of colours, and how far it is from the first order's. */
function results(size, width, scale) {
  const { make } = kit;
  const rows = Array.from({ length: size }, () => {
    const name = make("th", { scope: "row" }), value = make("td"), bar = make("i");
    const cells = Array.from({ length: width }, () => make("i"));
    return { name, value, bar, cells, line: make("tr", {}, name,
      make("td", { class: "strip" }, make("div", { "aria-hidden": "true" }, ...cells)),
      make("td", { class: "bar" }, bar), value) };
  });
  const element = make("table", { class: "looks results" },
    make("caption", {}, `Outputs, ${width} numbers each (orange negative, blue positive, `
      + `full at ±${scale.toFixed(2)}), and max |Δ| against the first order`),
    make("thead", {}, make("tr", {}, ...["token", "output"].map((text) =>
      make("th", { scope: "col" }, text)),
    make("th", { scope: "col", colspan: 2 }, "max |Δ|"))),
    make("tbody", {}, ...rows.map(({ line }) => line)));
  function show(labels, outputs, changes) {
    rows.forEach(({ name, value, bar, cells }, t) => {
      name.textContent = labels[t];
      value.textContent = changes[t].toFixed(4);
      bar.style.width = `${100 * Math.min(1, changes[t] / scale)}%`;
      cells.forEach((cell, i) => {
        cell.style.background = kit.colour((outputs[t][i] / scale + 1) / 2, "signed");
        cell.title = outputs[t][i].toFixed(4);
      });
    });
  }
  return { element, show };
}

function words(state, labels, order, changes, pairs) {
  const size = order.length, total = `${pairs} of ${size ** 2} pairs`;
  const left = state.mask === "none" ? `No mask: all ${total} are there.`
    : `The mask (${MASKS[state.mask]}) leaves ${total}.`;
  if (order.every((token, t) => token === t)) {
    return `${left} This is the first order; move a token and watch the outputs.`;
  }
  const same = order.filter((_, t) => changes[t] < ROUNDING);
  if (same.length === size) {
    return `${left} Every token’s output is what it was in the first order, only in ` +
      "another place.";
  }
  const kept = same.length ? `; unchanged: ${same.map((t) => `“${labels[t]}”`).join(", ")}` : "";
  return `${left} ${size - same.length} of ${size} outputs changed, by up to ` +
    `${Math.max(...changes).toFixed(4)}${kept}.`;
}

function render({ model, el }) {
  const { make } = kit, life = kit.lifetime(model), labels = model.get("labels");
  const size = labels.length, data = small_attention.tensors(model.get("tensors"), size);
  const scale = Math.max(...data[2].flat().map(Math.abs));
  const width = data[2][0].length, first = [...Array(size).keys()];
  let shuffles = 0, map, grid, looks, now;

  const set = (values) => {
    for (const [trait, value] of Object.entries(values)) model.set(trait, value);
    model.save_changes();
  };
  const order = () => [...model.get("order")].map((place) => PLACES.indexOf(place));
  const arrange = (list) => set({ order: list.map((token) => PLACES[token]).join("") });
  function move(token, to) {
    const rest = order().filter((other) => other !== token);
    rest.splice((to + size) % size, 0, token);        // past an end: round to the other
    arrange(rest);
  }
  /** The first, second, … order of a fixed row of draws; never the present one. */
  function shuffle() {
    const before = model.get("order"), list = [...first];
    do {
      let seed = (shuffles += 1);
      for (let i = size - 1; i > 0; i -= 1) {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        const j = Math.floor((seed / 2147483648) * (i + 1));
        [list[i], list[j]] = [list[j], list[i]];
      }
    } while (list.map((token) => PLACES[token]).join("") === before);
    arrange(list);
  }

  const options = (entries) => entries.map(([value, text]) => make("option", { value }, text));
  const mask = make("select", { onchange: () => set({ mask: mask.value }) },
    ...options(Object.entries(MASKS)));
  const pad = make("select", { onchange: () => set({ pad: +pad.value }) },
    ...options(Object.entries(labels)));
  const lengths = ["window", "prefix"].map((trait) => {
    const id = kit.id(), output = make("output", { for: id });
    const input = make("input", { type: "range", id, min: 1, max: size, step: 1,
      oninput: () => set({ [trait]: +input.value }) });
    return { trait, input, output, element: make("span", { class: "play-length" },
      make("label", { for: id }, `${trait} of`), input, output) };
  });
  const padding = make("label", {}, "padding is", pad);
  const rotated = make("input", { type: "checkbox",
    onchange: () => set({ positions: rotated.checked }) });
  const tokens = shelf(labels, (token) => set({ token }), move);
  const step = (way) => () => move(model.get("token"), order().indexOf(model.get("token")) + way);
  const button = (text, onclick) => make("button", { type: "button", onclick }, text);
  const back = button("First order", () => { tokens.focus(model.get("token")); arrange(first); });
  const summary = make("p", { role: "status", class: "play-words" });
  const output = make("output", { "aria-live": "off" });
  const picture = make("div", { class: "detail-picture" });
  const side = make("div", { class: "detail-side" });
  const legend = make("div", { class: "legend" }, make("span", {}, "weight"),
    make("i", { "aria-hidden": "true" }), make("span", { class: "legend-ticks" },
      ...["0", "0.5", "1"].map((tick) => make("span", {}, tick))));
  const made = results(size, width, scale);

  const chosen = () => order().indexOf(model.get("token"));
  const at = (t, s) => now.weights[t][s];
  function point(t, s, kept) {
    if (kept || s < 0) set({ token: order()[t] });
    output.classList.toggle("hint", s < 0);
    output.textContent = s < 0 ? HINT : `“${map.labels[t]}” → “${map.labels[s]}”: ` +
      (now.may(t, s) ? attention_detail.digits(at(t, s)) : "masked");
  }
  function paint() {
    grid.show(at, chosen());
    looks.show(at, chosen());
    looks.element.querySelectorAll("td:last-child").forEach((value, s) => {
      if (!now.may(chosen(), s)) value.textContent = "–";
    });
    grid.element.querySelectorAll("[role=gridcell]").forEach((cell, i) => {
      const [t, s] = [Math.floor(i / size), i % size], hidden = !now.may(t, s);
      cell.classList.toggle("masked", hidden);
      if (hidden) cell.ariaLabel = `${map.labels[t]} to ${map.labels[s]}: masked`;
    });
    tokens.show(order(), model.get("token"));
  }
  function build() {
    map = { labels: order().map((token) => labels[token]), size, keys: () => size };
    grid = attention_detail.matrix(map, point);
    looks = attention_detail.table(map);
    picture.replaceChildren(grid.element);
    side.replaceChildren(output, looks.element, legend);
    output.textContent = HINT;
    output.classList.add("hint");
    update();
  }
  function update() {
    const names = ["mask", "window", "prefix", "pad", "positions", "base"];
    const state = Object.fromEntries(names.map((trait) => [trait, model.get(trait)]));
    const there = small_attention.attend(data, first, state).outputs, list = order();
    now = small_attention.attend(data, list, state);
    const changes = list.map((token, t) => Math.max(...now.outputs[t].map((x, i) =>
      Math.abs(x - there[token][i]))));
    const pairs = first.flatMap((t) => first.filter((s) => now.may(t, s))).length;
    [mask.value, pad.value, rotated.checked] = [state.mask, state.pad, state.positions];
    padding.hidden = state.mask !== "padding";
    lengths.forEach((length) => {
      length.element.hidden = state.mask !== length.trait;
      length.output.textContent = length.input.value = state[length.trait];
    });
    back.disabled = list.every((token, t) => token === t);
    summary.textContent = words(state, labels, list, changes, pairs);
    made.show(map.labels, now.outputs, changes);
    paint();
  }

  el.append(make("div", {
    class: "viz mask-playground", role: "group", "aria-label": model.get("alt"),
  },
  make("div", { class: "viz-bar" }, make("label", {}, "Mask", mask),
    ...lengths.map((length) => length.element), padding,
    make("label", { class: "viz-check" }, rotated, "positions (RoPE)")),
  tokens.element,
  make("div", { class: "viz-bar" }, button("← Move left", step(-1)),
    button("Move right →", step(1)), button("Reverse", () => arrange(order().reverse())),
    button("Shuffle", shuffle), back),
  summary,
  make("div", { class: "detail", "data-view": "matrix", style: `--size:${size}` },
    picture, side),
  made.element,
  make("p", { class: "lab-note" }, `${model.get("about")}. Each token keeps its own while `
    + "it moves. Drag a token, or press Shift and an arrow key.")));
  life.on("order", build);
  life.on("mask window prefix pad positions", update);
  life.on("token", paint);
  build();
  return () => { tokens.end(); life.end(); };
}

export default { render };
