/* global kit */
// The same sentences in several languages: tokens relative to the first, and the cuts.
const HUES = 4;
const ENDS = [1.5, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 50, 100, 300];
const times = (x) => `${x.toFixed(2)}\u00a0×`;
const bytesOf = (text) => new TextEncoder().encode(text);

/** Bytes as text; those that are no whole character as \xe4, as `tokenizer.tokens` has it. */
function readable(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length;) {
    const size = bytes[i] < 0x80 ? 1 : bytes[i] < 0xe0 ? 2 : bytes[i] < 0xf0 ? 3 : 4;
    try {
      text += new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
        .decode(bytes.subarray(i, i + size));
      i += size;
    } catch {
      text += `\\x${bytes[i].toString(16).padStart(2, "0")}`;
      i += 1;
    }
  }
  return text;
}

/** The same to be seen: spaces as ␣, a mark without its letter on a ring. */
const shown = (text) => (/^\p{M}/u.test(text) ? `◌${text}` : text).replaceAll(" ", "␣");

/** Of each tokenizer, language and sentence: its tokens, as rows of bytes. */
function cut(sentences, packed) {
  const lengths = new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
  let place = 0;
  return sentences.map((row) => row.map((sentence) => {
    const bytes = bytesOf(sentence), tokens = [];
    for (let i = 0; i < bytes.length; place += 1) {
      tokens.push(bytes.subarray(i, i + lengths[place]));
      i += lengths[place];
    }
    return tokens;
  }));
}

function render({ model, el }) {
  const { make } = kit, life = kit.lifetime(model);
  const names = model.get("names"), languages = model.get("languages");
  const sentences = model.get("sentences"), codes = model.get("codes");
  const tokens = model.get("lengths").map((packed) => cut(sentences, packed));
  const set = (trait, value) => { model.set(trait, value); model.save_changes(); };

  const boxes = [["tokenizer", "Tokenizer", names], ["sentence", "Sentence", sentences[0]],
    ["language", "Beside it", languages]].map(([trait, text, options]) => {
    const box = make("select", { onchange: () => set(trait, +box.value) },
      ...options.map((name, i) => make("option", { value: i }, name)));
    return { trait, box, element: make("label", { class: `lang-${trait}` }, text, box) };
  });
  const words = make("p", { role: "status", class: "lab-words" });

  const rows = languages.map((name, i) => {
    const bar = make("i"), range = make("b"), mark = make("u");
    const track = make("td", { class: "lang-track" },
      make("div", { "aria-hidden": "true" }, bar, range, mark));
    const cells = ["here", "all", "tokens", "bytes", "characters"].map((kind) =>
      make("td", { class: `lang-${kind}` }));
    const element = make("tr", { onclick: () => set("language", i) },
      make("th", { scope: "row" }, name), track, ...cells);
    return { element, bar, range, mark, track, cells };
  });
  const ticks = make("div", { class: "lang-ticks", "aria-hidden": "true" });
  const heads = [["here", "lang-here"], ["all (least to most)", "lang-all"], ["tokens", "lang-tokens"],
    ["bytes", "lang-bytes"], ["characters", "lang-characters"]];
  const caption = make("caption");
  const table = make("table", { class: "lang-table" }, caption,
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "language"),
      make("th", { class: "lang-track" }, make("span", { class: "viz-hidden" }, "bar"), ticks),
      ...heads.map(([text, kind]) => make("th", { scope: "col", class: kind }, text)))),
    make("tbody", {}, ...rows.map((row) => row.element)));

  /** A sentence as its tokens, each a chip with its bytes as a title. */
  function view() {
    const title = make("p", { class: "lab-title" });
    const chips = make("p", { class: "lang-chips" });
    const element = make("div", { class: "lang-one" }, title, chips);
    function show(language, sentence, pieces) {
      const text = sentences[language][sentence];
      title.textContent = `${languages[language]}: ${[...text].length} characters, `
        + `${bytesOf(text).length} bytes, ${pieces.length} tokens`;
      chips.lang = codes[language];
      // The sentence decides, which may begin with a stray byte: so not dir="auto". But
      // stray bytes alone are read from left to right.
      const labels = pieces.map(readable);
      const letters = labels.some((label) => /\p{L}/u.test(label.replaceAll(/\\x../g, "")));
      chips.dir = letters && /^\P{L}*[\p{sc=Arab}\p{sc=Hebr}]/u.test(text) ? "rtl" : "ltr";
      chips.replaceChildren(...pieces.map((bytes, i) => {
        const label = labels[i];
        return make("span", {
          class: `lang-chip lang-hue-${i % HUES}`, dir: label.includes("\\x") ? "ltr" : undefined,
          title: `token ${i + 1}: ${[...bytes].map((b) => b.toString(16).padStart(2, "0")).join(" ")}`,
        }, shown(label));
      }));
    }
    return { element, show };
  }
  const views = [view(), view()];

  function update() {
    const [t, s, l] = ["tokenizer", "sentence", "language"].map((trait) => model.get(trait));
    const own = tokens[t].map((row) => row.map((pieces) => pieces.length));
    const ratios = own.map((row) => row.map((n, i) => n / own[0][i]));
    const sum = (row) => row.reduce((a, b) => a + b);
    const all = own.map((row) => sum(row) / sum(own[0]));
    const highest = Math.max(...ratios.flat());
    const end = ENDS.find((x) => x >= highest) ?? highest;
    for (const { trait, box } of boxes) box.value = model.get(trait);
    caption.textContent = `Tokens of ${names[t]}, relative to ${languages[0]}`;
    ticks.replaceChildren(...[1, end].map((x) =>
      make("span", { style: `left:${(100 * x) / end}%` }, `${x} ×`)));
    rows.forEach(({ element, bar, range, mark, track, cells }, i) => {
      const low = Math.min(...ratios[i]), high = Math.max(...ratios[i]);
      const text = sentences[i][s];
      element.classList.toggle("chosen", i === l);
      bar.style.width = `${(100 * ratios[i][s]) / end}%`;
      range.style.left = `${(100 * low) / end}%`;
      range.style.width = `${(100 * (high - low)) / end}%`;
      mark.style.left = `${(100 * all[i]) / end}%`;
      track.style.setProperty("--one", `${100 / end}%`);
      track.title = `${languages[i]}: ${ratios[i][s].toFixed(4)} here, ${all[i].toFixed(4)} `
        + `of all, from ${low.toFixed(4)} to ${high.toFixed(4)}`;
      [times(ratios[i][s]), `${times(all[i])} (${low.toFixed(2)} to ${high.toFixed(2)})`,
        own[i][s], bytesOf(text).length, [...text].length]
        .forEach((value, k) => { cells[k].textContent = value; });
    });
    const [few, many] = [Math.min, Math.max].map((f) =>
      all.indexOf(f(...all.slice(1)), 1));
    const beside = l === 0 ? "" : `, ${own[l][s]} in ${languages[l]}, `
      + `${ratios[l][s].toFixed(2)} times as many`;
    words.textContent = `${names[t]}: this sentence is ${own[0][s]} tokens in ${languages[0]}`
      + `${beside}. All ${sentences[0].length} sentences together: from ${all[few].toFixed(2)} times `
      + `(${languages[few]}) to ${all[many].toFixed(2)} (${languages[many]}).`;
    views[0].show(0, s, tokens[t][0][s]);
    views[1].element.hidden = l === 0;
    if (l) views[1].show(l, s, tokens[t][l][s]);
  }

  el.append(make("div", { class: "viz language-comparison", role: "group", "aria-label": model.get("alt") },
    make("div", { class: "viz-bar" }, ...boxes.map(({ element }) => element)),
    words, ...views.map(({ element }) => element), table,
    make("p", { class: "lab-note" }, "Choose a language above or press its row. Bar, and “here”: this sentence. Line and ◇: the range over all "
      + "sentences, and all of them together. Bytes in UTF-8; characters are code points. "
      + "\\xe0 is a byte that is no whole character by itself.")));
  life.on("tokenizer sentence language", update);
  update();
  return life.end;
}

export default { render };
