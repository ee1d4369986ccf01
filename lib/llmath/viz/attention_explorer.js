/* global kit, attention_overview, attention_detail */
// Every head of a model on a sentence: all of them small, one of them large.
const POINT = matchMedia("(hover: none)").matches ? "Tap" : "Point at";
const HINTS = {
  matrix: `${POINT} a cell to read its weight.`,
  arcs: `${POINT} a token to see where it looks. Thicker means more.`,
};
const PATIENCE = 60_000;                              // ms for the kernel to answer

/** Weights as Python packed them: uint16 over 65535, of a causal map only the triangle. */
function unpack({ labels, causal, weights }, heads) {
  const size = labels.length;
  const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  const numbers = new Uint16Array(bytes.slice().buffer);
  const keys = (q) => (causal ? q + 1 : size);
  const start = (q) => (causal ? (q * (q + 1)) / 2 : q * size);
  const at = (l, h, q, k) =>
    numbers[(l * heads + h) * start(size) + start(q) + k] / 65535;
  return { labels, size, causal, keys, at };
}

/** What the picture shows, in words. */
function words({ labels, keys }, at, query) {
  const order = [...Array(keys(query)).keys()].sort((a, b) => at(query, b) - at(query, a));
  const part = (k) => `${k === query ? "itself" : `“${labels[k]}”`} ` +
    `(${at(query, k).toFixed(2)})`;
  const rest = order.length > 1 ? `, then at ${part(order[1])}` : "";
  return `“${labels[query]}” looks most at ${part(order[0])}${rest}.`;
}

function numbers(count) {
  return Array.from({ length: count }, (_, i) => kit.make("option", { value: i }, i));
}

function choice(text, ...options) {
  const select = kit.make("select", {}, ...options);
  return [kit.make("label", {}, text, select), select];
}

/** With a kernel: a sentence of the reader's own. Never waits for ever. */
function request(model, life) {
  const { make } = kit;
  const input = make("input", { type: "text", autocomplete: "off", spellcheck: "false" });
  const button = make("button", { type: "submit" }, "Compute");
  const status = make("span", { role: "status" });
  let timer;
  function done(message) {
    clearTimeout(timer);
    button.disabled = false;
    status.textContent = message;
    input.toggleAttribute("aria-invalid", message !== "");
  }
  const form = make("form", {
    class: "viz-bar viz-own",
    onsubmit(event) {
      event.preventDefault();
      button.disabled = true;
      status.textContent = "Computing …";
      timer = setTimeout(done, PATIENCE, "No answer: is the kernel running?");
      const number = (model.get("request").number ?? 0) + 1;
      model.set("request", { text: input.value, number });
      model.save_changes();
    },
  }, make("label", {}, "Your own sentence", input), button, status);
  life.on("answer", () => done(model.get("answer").message));
  return form;
}

function render({ model, el }) {
  const { make } = kit, life = kit.lifetime(model), name = kit.id();
  const layers = model.get("layers"), heads = model.get("heads");
  let map, parts, shown;                              // shown: the parts' lifetime

  const set = (values, save = true) => {
    for (const [trait, value] of Object.entries(values)) model.set(trait, value);
    if (save) model.save_changes();
  };
  const [sentenceLabel, sentence] = choice("Sentence");
  const [layerLabel, layer] = choice("Layer", ...numbers(layers));
  const [headLabel, head] = choice("Head", ...numbers(heads));
  sentence.onchange = () => set({
    sentence: +sentence.value, query: model.get("sentences")[sentence.value].query,
  });
  layer.onchange = () => set({ layer: +layer.value });
  head.onchange = () => set({ head: +head.value });
  const views = Object.entries({ matrix: "Matrix", arcs: "Arcs" }).map(([view, text]) =>
    make("label", {}, make("input", {
      type: "radio", name, value: view, onchange: () => set({ view }),
    }), make("span", {}, text)));
  const only = make("input", {
    type: "checkbox", onchange: () => set({ only_row: only.checked }),
  });
  const onlyText = make("span");
  const all = attention_overview({
    layers, heads, life, choose: (l, h) => set({ layer: l, head: h }),
  });
  const title = make("strong"), place = make("span");
  const summary = make("p", { role: "status" });
  const output = make("output", { "aria-live": "off" });
  const picture = make("div", { class: "detail-picture" });
  const side = make("div", { class: "detail-side" });
  const detail = make("div", { class: "detail" },
    make("div", { class: "detail-words" },
      make("p", { class: "detail-title" }, title, " ", place), summary), picture, side);

  // The sentence may have changed before the query has: never look past its end.
  const query = () => Math.min(model.get("query"), map.size - 1);
  const at = (q, k) => map.at(model.get("layer"), model.get("head"), q, k);
  function say(text) {
    output.textContent = text || HINTS[model.get("view")];
    output.classList.toggle("hint", !text);
  }
  function point(q, k, kept) {
    if (q !== query()) set({ query: q }, false);
    if (kept) model.save_changes();
    say(k < 0 ? "" : `“${map.labels[q]}” → “${map.labels[k]}”: ` +
      attention_detail.digits(at(q, k)));
  }

  function update() {
    layer.value = model.get("layer");
    head.value = model.get("head");
    title.textContent = `Head ${layer.value}.${head.value}`;
    place.textContent = `layer ${layer.value}, head ${head.value}`;
    summary.textContent = words(map, at, query());
    onlyText.textContent = `small pictures: only the row of “${map.labels[query()]}”`;
    parts.forEach((part) => part.show(at, query()));
    all.select(+layer.value, +head.value);
  }
  function paint() {
    only.checked = model.get("only_row");
    all.paint(map, only.checked ? query() : -1);
  }
  function build() {
    const list = model.get("sentences");
    map = unpack(list[model.get("sentence")], heads);
    sentence.replaceChildren(...list.map((s, i) => make("option", { value: i }, s.title)));
    sentence.value = model.get("sentence");
    const view = model.get("view");
    detail.dataset.view = view;
    detail.style.setProperty("--size", map.size);
    views.forEach((label) => { label.firstChild.checked = label.firstChild.value === view; });
    shown?.end();
    shown = kit.lifetime(model);
    parts = [attention_detail[view](map, point, shown), attention_detail.table(map)];
    picture.replaceChildren(parts[0].element);
    side.replaceChildren(output, parts[1].element, legend);
    say("");
    update();
    paint();
  }

  const legend = make("div", { class: "legend" },
    make("span", {}, "weight"), make("i", { "aria-hidden": "true" }),
    make("span", { class: "legend-ticks" }, ...["0", "0.5", "1"].map((t) =>
      make("span", {}, t))),
    make("small", { class: "viz-hidden" }, "stored in steps of 1/65535"));
  const figure = make("div", {
    class: "viz attention-explorer", role: "group", "aria-label": model.get("alt"),
  },
  make("div", { class: "viz-bar" }, sentenceLabel,
    make("label", { class: "viz-check" }, only, onlyText)),
  all.element,
  make("div", { class: "viz-bar" }, layerLabel, headLabel,
    make("span", { class: "viz-switch", role: "radiogroup", "aria-label": "View" }, ...views)),
  detail);
  if (model.get("editable")) figure.firstChild.after(request(model, life));
  el.append(figure);

  life.on("sentences sentence view", build);
  life.on("layer head query", update);
  life.on("query", () => { if (model.get("only_row")) paint(); });
  life.on("only_row", paint);
  life.theme(paint);
  life.resize(figure, () => { paint(); update(); });
  build();
  return () => { shown.end(); life.end(); };
}

export default { render };
