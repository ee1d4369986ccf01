/* global kit, bpe, token_view */
// Byte-pair encoding learns from the reader's text, a merge at a time.
const PAIRS = 8;                                      // of the commonest, in the table
const PLAY = 600;                                     // ms for a merge
const WIDE = 320, HIGH = 96, EDGE = 6;                // of the curve, its own units

/** The merges of a text and how many tokens it has after each. */
function study(text, split, pieces, most) {
  const parts = pieces ? split.gpt2(text) : text ? [text] : [];
  const words = bpe.countWords(parts), merges = bpe.learn(words, most);
  const letters = bpe.ALPHABET.map(([, byte]) => [byte]), bytes = [...letters];
  merges.forEach(({ pair: [a, b] }) => bytes.push([...bytes[a], ...bytes[b]]));
  const sizes = [words.reduce((sum, { n, ids }) => sum + n * ids.length, 0)];
  merges.forEach(({ saved }) => sizes.push(sizes.at(-1) - saved));
  return { parts, words, merges, bytes, sizes };
}

/** The words as the first `step` merges leave them. */
function cut({ words, merges }, step) {
  const ranks = new Map(merges.slice(0, step)
    .map(({ pair }, rank) => [bpe.key(...pair), rank]));
  return words.map((word) => ({ ...word, ids: bpe.merge(word.ids, ranks, 256) }));
}

/** Bytes per token against merges, with a mark at the step; a press goes there. */
function curve(go) {
  const { make, draw } = kit;
  const line = draw("polyline", { class: "tok-line" }), dot = draw("circle", { r: 4 });
  const svg = draw("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, "aria-hidden": "true",
    onclick: ({ clientX }) => {
      const { left, width } = svg.getBoundingClientRect();
      const share = (clientX - left) / width * WIDE / (WIDE - EDGE);
      go(Math.round(share * (sizes.length - 1)));
    } }, line, dot);
  const top = make("span"), end = make("span");
  let sizes = [1];
  const place = (i, most) => [                        // 0 and 1 lie on the axes
    (WIDE - EDGE) * i / Math.max(1, sizes.length - 1),
    HIGH - (HIGH - EDGE) * (sizes[0] / sizes[i] - 1) / Math.max(1e-9, most - 1)];
  const element = make("div", { class: "tok-curve" },
    make("p", { class: "tok-title" }, "Bytes per token against merges"),
    make("div", { class: "tok-plot", "aria-hidden": "true" },
      make("div", { class: "tok-ticks" }, top, make("span", {}, "1")), svg),
    make("div", { class: "tok-ends", "aria-hidden": "true" },
      make("span", {}, "0"), make("span", {}, "merges"), end));
  function show(now, step) {
    sizes = now[0] ? now : [1];                       // of an empty text: no ratio
    const most = Math.max(sizes[0] / sizes.at(-1), 1);
    line.setAttribute("points", sizes.map((_, i) => place(i, most).join()).join(" "));
    const [x, y] = place(step, most);
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
    top.textContent = most.toFixed(2);
    end.textContent = sizes.length - 1;
  }
  return { element, show };
}

/** The commonest pairs; the first of them merges next. */
function table() {
  const { make } = kit, body = make("tbody"), { chip, label } = token_view;
  const element = make("div", { class: "tok-room" },
    make("table", { class: "tok-table tok-pairs" },
      make("caption", {}, "The commonest pairs now; the first merges next"),
      make("thead", {}, make("tr", {}, ...["pair", "makes", "ids", "times"].map((text) =>
        make("th", { scope: "col" }, text)))), body));
  const none = () => make("tr", {}, make("td", { colspan: 4 }, "No pair is left."));
  const row = ([[a, b], n], bytes) => make("tr", {},
    make("th", { scope: "row" }, chip(a, bytes[a]), " ", chip(b, bytes[b])),
    make("td", {}, label([...bytes[a], ...bytes[b]])),
    make("td", { class: "tok-ids" }, `${a} ${b}`), make("td", {}, n.toLocaleString("en")));
  const show = (pairs, bytes) => body.replaceChildren(
    ...(pairs.length ? pairs.map((pair) => row(pair, bytes)) : [none()]));
  return { element, show };
}

function words(found, step) {
  const { merges, bytes, sizes } = found, total = sizes[0], { count, label } = token_view;
  if (total === 0) return "Nothing to learn from: type a text.";
  const now = `${total === 1 ? "" : "The "}${count(total, "byte")} ${total === 1 ? "is" : "are"} `
    + `${count(sizes[step], "token")}: `
    + `${(total / sizes[step]).toFixed(2)} bytes per token.`;
  if (step === 0) return `No merge yet, each byte is a token. ${now}`;
  const { pair: [a, b], count: times, saved } = merges[step - 1];
  const less = saved === times ? "" : ` (${count(saved, "token")} fewer: pairs overlap)`;
  const last = step === merges.length && step < found.most
    ? " No pairs are left: every piece is one token." : "";
  return `Merge ${step}: ${label(bytes[a])} + ${label(bytes[b])} → `
    + `${label(bytes[255 + step])}, counted ${count(times, "time")}${less}. ${now}${last}`;
}

function render({ model, el }) {
  const { make } = kit, life = kit.lifetime(model), { box, chip, count } = token_view;
  const split = bpe.splitters(model.get("classes")), longest = model.get("longest");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let found, timer, wrong;

  const set = (values) => {
    for (const [trait, value] of Object.entries(values)) model.set(trait, value);
    model.save_changes();
  };
  const step = () => Math.min(model.get("step"), found.merges.length);
  const go = (to) => set({ step: Math.max(0, Math.min(to, found.merges.length)) });
  function stop() {
    clearInterval(timer);
    timer = undefined;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
    summary.setAttribute("aria-live", "polite");
  }
  function toggle() {
    if (timer) { stop(); return; }
    if (step() === found.merges.length) go(0);
    timer = setInterval(() => {
      go(step() + 1);
      if (step() === found.merges.length) stop();
    }, calm.matches ? 2 * PLAY : PLAY);
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
    summary.setAttribute("aria-live", "off");          // nobody can listen that fast
  }
  const byHand = (to) => () => { stop(); go(to()); };

  const input = box("Text to learn from", (text) => {
    stop();
    wrong = bpe.refused(text) ?? (text.length <= longest ? undefined
      : `The figure learns from up to ${longest.toLocaleString("en")} characters; these `
        + `are ${text.length.toLocaleString("en")}. The text before is still shown.`);
    if (wrong) update();
    else set({ text, step: Math.min(model.get("step"), model.get("n_merges")) });
  });
  const button = (text, onclick) => make("button", { type: "button", onclick }, text);
  const start = button("Start", byHand(() => 0));
  const back = button("← Back", byHand(() => step() - 1));
  const next = button("Merge →", byHand(() => step() + 1));
  const play = button("Play", toggle);
  play.setAttribute("aria-pressed", "false");
  const pieces = make("input", { type: "checkbox",
    onchange: () => { stop(); set({ pieces: pieces.checked }); } });
  const id = kit.id(), output = make("output", { for: id });
  const slider = make("input", { type: "range", id, min: 0, step: 1,
    oninput: () => { stop(); go(+slider.value); } });
  const summary = make("p", { role: "status", class: "tok-words" });
  const text = make("div", { class: "tok-text", role: "group", tabindex: "0" });
  const pairs = table(), graph = curve((to) => { stop(); go(to); });
  const learnt = make("div", { class: "tok-learnt", role: "group", tabindex: "0" });
  const heading = make("p", { class: "tok-title" });

  function update() {
    const k = step(), now = cut(found, k), newest = k ? 255 + k : -1;
    const ids = new Map(now.map((word) => [word.text, word.ids]));
    slider.max = found.merges.length;
    slider.value = k;
    output.textContent = `${k} of ${found.merges.length}`;
    slider.setAttribute("aria-valuetext", output.textContent);
    start.disabled = back.disabled = k === 0;
    next.disabled = k === found.merges.length;
    play.disabled = found.merges.length === 0;
    pieces.checked = model.get("pieces");
    summary.textContent = wrong ?? words(found, k);
    text.setAttribute("aria-label", `The text in ${count(found.sizes[k], "token")}`);
    text.replaceChildren(...found.parts.flatMap((part) => ids.get(part).flatMap((one) => {
      const token = chip(one, found.bytes[one], one === newest ? { class: "newest" } : {});
      return found.bytes[one].includes(10) ? [token, make("br")] : [token];
    })));
    pairs.show(bpe.commonest(now, PAIRS), found.bytes);
    graph.show(found.sizes, k);
    heading.textContent = k ? `Vocabulary: 256 bytes and ${count(k, "merge")}, newest first`
      : "Vocabulary: 256 bytes, no merge yet";
    learnt.setAttribute("aria-label", `Tokens learnt so far: ${k}`);
    learnt.replaceChildren(...found.merges.slice(0, k).map((_, rank) =>
      chip(256 + rank, found.bytes[256 + rank], rank === k - 1 ? { class: "newest" } : {}))
      .reverse());
  }
  function build() {
    wrong = undefined;
    const most = model.get("n_merges");
    found = { ...study(model.get("text"), split, model.get("pieces"), most), most };
    if (input.area.value !== model.get("text")) input.area.value = model.get("text");
    update();
  }

  el.append(make("div", { class: "viz bpe-trainer", role: "group",
    "aria-label": model.get("alt") }, input.element,
  make("div", { class: "viz-bar" }, start, back, next, play,
    make("label", { class: "viz-check" }, pieces, "cut into words first")),
  make("div", { class: "viz-bar tok-slider" },
    make("label", { for: id }, "merges"), slider, output),
  summary, text,
  make("div", { class: "tok-columns" }, pairs.element,
    make("div", {}, graph.element, heading, learnt))));
  life.on("text pieces n_merges", build);
  life.on("step", () => update());
  build();
  return () => { clearInterval(timer); life.end(); };
}

export default { render };
