/* global kit, bpe, token_view */
// Three tokenizers on the reader's text; their tables come when the reader wants them.
const MOST = 1000;                                    // tokens drawn; all are counted
const LONG = 300;                                     // bytes of a piece to step through
const megabytes = (size) => (size < 1e5 ? `${Math.round(size / 1e3)} kB`
  : `${(size / 1e6).toFixed(1)} MB`);

/** The table from a script of the page, or from the kernel if there is one. */
function fetchTable(model, name) {
  if (globalThis.LiveFigures) {
    return LiveFigures.script(model.get("tables")[name].path)
      .then(() => LiveFigures.tables[name]);
  }
  return new Promise((arrived) => {
    model.on("msg:custom", function hear(message) {
      if (message.table !== name) return;
      model.off("msg:custom", hear);
      arrived(JSON.parse(message.json));
    });
    model.send({ wanted: name });
  });
}

/** All tokens of a text, each knowing its piece. */
const flat = (pieces) => pieces.flatMap((piece) =>
  piece.ids.map((id, i) => ({ id, bytes: piece.tokens[i], piece, i })));

/** The tokens as buttons: arrows go from one to the next. */
function tokens(choose) {
  const { make } = kit, { hue, label, spoken, hex } = token_view;
  const element = make("div");
  let buttons = [], stop, before;
  function show(all, space) {
    const now = JSON.stringify([space, all.map(({ id, i }) => [id, i])]);
    if (now === before) return;                       // the table has come: focus stays
    before = now;
    buttons = all.map(({ id, bytes, piece, i }, at) => make("button", {
      type: "button", tabindex: "-1", onclick: () => choose(at), onfocus: () => choose(at),
      class: `tok ${hue(id)}${i ? "" : " begins"}${piece.marker ? " marker" : ""}`,
      title: `${id}: ${hex(bytes)}`,
    }, make("span", {}, label(bytes)), make("small", {}, id)));
    const row = make("div", { class: "tok-text tok-row", role: "toolbar",
      "aria-label": space }, ...buttons.flatMap((button, at) =>
      (all[at].bytes.includes(10) ? [button, make("i", { class: "tok-break" })] : [button])));
    element.replaceChildren(row);
    stop = kit.roving(row, (r, at) => (r === 0 ? buttons[at] : undefined), 1, buttons.length);
  }
  function mark(chosen, all) {
    buttons.forEach((button, at) => {
      button.setAttribute("aria-pressed", String(at === chosen));
      button.classList.toggle("same", all[at].piece === all[chosen]?.piece);
    });
    if (buttons[chosen]) stop(0, chosen);
  }
  return { element, show, mark };
}

/** How one piece came about: its bytes, and the merges that joined them, by rank. */
function stepper(about) {
  const { make } = kit, { chip, hex, label, count } = token_view, id = kit.id();
  let bytesOf, way, at;
  const title = make("p", { class: "tok-title" }), hint = make("p", { class: "tok-note" });
  const output = make("output", { for: id }), now = make("div", { class: "tok-text" });
  const slider = make("input", { type: "range", id, min: 0, step: 1,
    oninput: () => { at = +slider.value; draw(); } });
  const move = (by) => () => { at += by; draw(); };
  const back = make("button", { type: "button", onclick: move(-1) }, "← Back");
  const next = make("button", { type: "button", onclick: move(1) }, "Merge →");
  const controls = make("div", { class: "viz-bar tok-slider" }, back, next,
    make("label", { for: id, class: "viz-hidden" }, "merges of the piece"), slider, output);
  const words = make("p", { class: "tok-step", role: "status" });
  const body = make("tbody");
  const table = make("table", { class: "tok-table" },
    make("caption", {}, "Its tokens"),
    make("thead", {}, make("tr", {}, ...["token", "id", "bytes"].map((text) =>
      make("th", { scope: "col" }, text)))), body);

  function draw() {
    const { start, all } = way, ids = at ? all[at - 1].ids : start;
    const place = at ? all[at - 1].place : -1, before = at > 1 ? all[at - 2].ids : start;
    slider.max = all.length;
    slider.value = at;
    slider.disabled = all.length === 0;
    output.textContent = `${at} of ${all.length}`;
    slider.setAttribute("aria-valuetext", output.textContent);
    back.disabled = at === 0;
    next.disabled = at === all.length;
    now.replaceChildren(...ids.map((one, i) =>
      chip(one, bytesOf(one), i === place ? { class: "newest" } : {})));
    words.textContent = at === 0 ? `Its ${count(start.length, "byte")}, a token each.`
      : `Rank ${all[at - 1].rank.toLocaleString("en")}: ${label(bytesOf(before[place]))} + `
        + `${label(bytesOf(before[place + 1]))} → ${label(bytesOf(ids[place]))}`
        + `${at === all.length ? "; no neighbours have a merge any more." : ""}`;
  }
  /** The piece of one token; `made` is the tokenizer, once its table is there. */
  function show(token, place, made) {
    element.hidden = !token;
    if (!token) return;
    const { piece, id: chosen } = token;
    const bytes = piece.tokens.flat(), stepped = made && !piece.marker && bytes.length <= LONG;
    title.replaceChildren("The piece ", make("b", {}, `“${label(bytes.slice(0, LONG))}”`),
      `: ${count(bytes.length, "byte")}, ${count(piece.ids.length, "token")}; `
        + `chosen is ${place}, id ${chosen}.`);
    hint.textContent = piece.marker ? "A marker stands for itself and never merges."
      : bytes.length > LONG ? `Pieces of up to ${LONG} bytes can be stepped through.`
        : made ? "" : `Choose a token: then ${about()} table of merges is loaded, and its `
          + "piece can be stepped through, rank by rank.";
    for (const part of [controls, now, words]) part.hidden = !stepped;
    body.replaceChildren(...piece.ids.slice(0, 40).map((one, i) => make("tr", {},
      make("th", { scope: "row" }, chip(one, piece.tokens[i],
        piece.tokens[i].length > 20 ? { class: "long" } : {})), make("td", {}, one),
      make("td", {}, hex(piece.tokens[i].slice(0, 24))))));
    if (!stepped) return;
    way = made.steps(piece.text);
    at = way.all.length;
    bytesOf = made.bytesOf;
    draw();
  }
  const element = make("div", { class: "tok-piece" }, title, hint, controls, now, words, table);
  return { element, show };
}

function render({ model, el }) {
  const { make } = kit, life = kit.lifetime(model), { box, count } = token_view;
  const tables = model.get("tables"), first = model.get("first");
  const longest = model.get("longest"), made = new Map(), loading = new Map();
  const split = bpe.splitters(model.get("classes")), names = Object.keys(tables);
  let all = [], more = [], shown, ended = false;

  const set = (trait, value) => { model.set(trait, value); model.save_changes(); };
  function load(name) {
    if (!loading.has(name)) {
      loading.set(name, fetchTable(model, name).then((table) => {
        made.set(name, bpe.tokenizer(table, split));
        if (!ended) update();
      }).catch((error) => {
        note.textContent = `The table could not be loaded (${error.message}).`;
      }));
    }
  }
  /** The pieces of the text, or undefined while the table is on its way. */
  function encoded(name, text, special) {
    if (text === "") return [];
    if (made.has(name)) return made.get(name).encode(text, special);
    return text === first.text && special ? first.pieces[name] : undefined;
  }

  /** The token in which the byte lies where the chosen one of another table begins. */
  function samePlace(others) {
    let at = all.slice(0, model.get("token")).reduce((sum, { bytes }) => sum + bytes.length, 0);
    return Math.max(0, others.findIndex(({ bytes }) => (at -= bytes.length) < 0));
  }

  const which = make("select", {
    onchange: () => { set("tokenizer", which.value); load(which.value); },
  }, ...names.map((name) => make("option", { value: name }, tables[name].title)));
  const special = make("input", { type: "checkbox",
    onchange: () => { load(which.value); set("special", special.checked); } });
  const input = box("Text to cut into tokens", (text) => {
    if (text.length > longest) {
      note.textContent = `The figure reads up to ${longest.toLocaleString("en")} characters; `
        + `these are ${text.length.toLocaleString("en")}. The text before is still shown.`;
    } else if (bpe.refused(text)) note.textContent = bpe.refused(text);
    else { load(which.value); set("text", text); }
  });
  const note = make("p", { class: "tok-note", role: "status" });
  const summary = make("p", { class: "tok-words", role: "status" });
  const row = tokens((at) => {
    load(which.value);
    if (at !== model.get("token")) set("token", at);
  });
  const piece = stepper(() => `${tables[which.value].title}’s`);
  const cells = names.map(() => [make("td"), make("td")]);
  const others = make("table", { class: "tok-table tok-others" },
    make("caption", {}, "The same text, three tokenizers"),
    make("thead", {}, make("tr", {}, ...["tokenizer", "tokens", "bytes per token"]
      .map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...names.map((name, i) => make("tr", {},
      make("th", { scope: "row" }, tables[name].title), ...cells[i]))));

  const missing = make("button", { type: "button", onclick: () => more.forEach(load) });
  const rest = make("div", { class: "viz-bar", hidden: true }, missing);
  function compare(text, marked, size) {
    more = [];
    names.forEach((name, i) => {
      let pieces;
      try { pieces = encoded(name, text, marked); } catch { pieces = []; }
      const n = pieces?.reduce((sum, { ids }) => sum + ids.length, 0);
      if (!pieces) more.push(name);
      cells[i][0].textContent = pieces ? n ? n.toLocaleString("en") : "–" : "not loaded";
      cells[i][1].textContent = n ? (size / n).toFixed(2) : "–";
    });
    rest.hidden = more.length === 0;
    missing.textContent = `Load ${more.map((name) =>
      `${tables[name].title}, ${megabytes(tables[name].size)}`).join("; ")}`;
  }
  function update() {
    const [text, name, marked] = ["text", "tokenizer", "special"].map((trait) => model.get(trait));
    const size = new TextEncoder().encode(text).length;
    which.value = name;
    special.checked = marked;
    special.disabled = tables[name].markers === 0;
    if (input.area.value !== text) input.area.value = text;
    let pieces;
    try {
      pieces = encoded(name, text, marked);
      note.textContent = "";
    } catch (error) {
      pieces = [];
      note.textContent = error.message;
    }
    if (!pieces) {
      note.textContent = `Loading ${tables[name].title}’s merges, ${megabytes(tables[name].size)} …`;
      load(name);
      return;
    }
    const found = flat(pieces), moved = text === shown ? samePlace(found) : undefined;
    [all, shown] = [found, text];
    const drawn = all.slice(0, MOST), signs = count([...text].length, "character");
    if (all.length > MOST) note.textContent = `Drawn are the first ${MOST} of the tokens.`;
    const marks = pieces.filter(({ marker }) => marker).length;
    summary.textContent = text === "" ? "Nothing to cut: type a text."
      : `${signs}, ${count(size, "byte")}, ${count(all.length, "token")}${
        all.length ? `: ${(size / all.length).toFixed(2)} bytes per token` : ""}; ${
        !marked ? "markers are read as plain text." : marks === 0 ? "no markers."
          : `${marks} ${marks === 1 ? "is a marker" : "are markers"}.`}`;
    row.show(drawn, `Tokens of ${tables[name].title}`);
    compare(text, marked, size);
    if (moved !== undefined && moved !== model.get("token")) set("token", moved);
    else choose();
  }
  function choose() {
    const at = Math.min(model.get("token"), Math.min(all.length, MOST) - 1);
    row.mark(at, all);
    piece.show(all[at], `token ${at + 1} of ${all.length}`, made.get(which.value));
  }

  el.append(make("div", { class: "viz tokenizer-playground", role: "group",
    "aria-label": model.get("alt") },
  make("div", { class: "viz-bar" }, make("label", {}, "Tokenizer", which),
    make("label", { class: "viz-check" }, special, "markers such as <|endoftext|>")),
  input.element, summary, note, row.element,
  make("div", { class: "tok-columns" }, piece.element, make("div", {}, others, rest))));
  life.on("text tokenizer special", update);
  life.on("token", choose);
  update();
  return () => { ended = true; life.end(); };
}

export default { render };
