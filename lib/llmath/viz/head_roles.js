/* global kit */
// All heads of a model, scored for a role: a table, one head of it, and the ten best.
const BEST = 10;
const STEPS = 32767;                                  // head_roles.py packs by these
const LIMITS = [0.05, 0.1, 0.2, 0.5, 1, 2];           // ends of the scale of colours
const number = (x, digits = 3) =>
  x.toFixed(digits).replace(/^-(?=.*[1-9])/, "−").replace(/^-/, "");
const exact = (x) => number(x, 4);                     // for those who ask: as a title

function unpack({ buffer, byteOffset, byteLength }) {
  const view = new DataView(buffer, byteOffset, byteLength);
  return Array.from({ length: byteLength / 2 }, (_, i) => view.getInt16(2 * i, true) / STEPS);
}

function read(role) {
  const baselines = Object.entries(role.baselines).map(([name, v]) => [name, unpack(v)]);
  const [low, high] = [role.low, role.high].map((v) => v && unpack(v));
  return { ...role, score: unpack(role.score), low, high, baselines };
}

function render({ model, el }) {
  const { make } = kit, life = kit.lifetime(model);
  const layers = model.get("layers"), heads = model.get("heads");
  const roles = model.get("roles").map(read);
  const label = (i) => `${Math.floor(i / heads)}.${i % heads}`;
  let values, role, minus, order;                     // order: the heads, best first

  const set = (changes) => {
    for (const [trait, value] of Object.entries(changes)) model.set(trait, value);
    model.save_changes();
  };
  const choose = (i) => set({ layer: Math.floor(i / heads), head: i % heads });
  const chosen = () => model.get("layer") * heads + model.get("head");

  const roleBox = make("select", {
    onchange() {                                      // the same baseline, if there is one
      const name = role.baselines[minus - 1]?.[0], next = roles[+roleBox.value];
      const same = next.baselines.findIndex(([other]) => other === name) + 1;
      set({ minus: 0, role: +roleBox.value });
      if (same) set({ minus: same });
    },
  }, ...roles.map((r, i) => make("option", { value: i }, r.name)));
  const minusBox = make("select", { onchange: () => set({ minus: +minusBox.value }) });
  const summary = make("p", { class: "roles-words", role: "status" });

  const grid = make("div", {
    class: "heads roles-grid", role: "grid", style: `--layers:${layers}`,
    "aria-label": `All heads: ${heads} rows of heads, ${layers} columns of layers`,
    onpointerleave: () => point(chosen()),
  });
  const scroller = make("div", { class: "heads-scroll" }, grid);
  grid.append(make("div", { role: "row", class: "heads-row" },
    make("span", { role: "columnheader", class: "heads-corner" }, "head"),
    ...Array.from({ length: layers }, (_, l) => make("span", { role: "columnheader" }, l))));
  const cells = [];                                   // by layers, as the scores are
  for (let h = 0; h < heads; h += 1) {
    const row = make("div", { role: "row", class: "heads-row" },
      make("span", { role: "rowheader" }, h));
    for (let l = 0; l < layers; l += 1) {
      const i = l * heads + h;
      cells[i] = make("button", {
        type: "button", role: "gridcell", tabindex: "-1", "aria-selected": "false",
        style: `grid-area:${h + 2}/${l + 2}`, onclick: () => choose(i),
        onpointerover: () => point(i), onfocus: () => { stop(h, l); point(i); },
        onblur: () => point(chosen()),
      });
      row.append(cells[i]);
    }
    grid.append(row);
  }
  const stop = kit.roving(grid, (h, l) => cells[l * heads + h], heads, layers);
  const ticks = make("span", { class: "legend-ticks" });
  const bar = make("i", { "aria-hidden": "true" });
  const legend = make("div", { class: "legend roles-legend" },
    make("span", {}, "score"), bar, ticks);

  const title = make("strong"), rank = make("span");
  const rows = make("tbody"), link = make("a");
  const one = make("div", { class: "roles-one" },
    make("p", { class: "detail-title" }, title, " ", rank),
    make("table", {}, make("caption", { class: "viz-hidden" }, "This head, in numbers"),
      make("thead", {}, make("tr", {}, ...["quantity", "value", "score − value"].map((text) =>
        make("th", { scope: "col" }, text)))), rows),
    ...(model.get("explorer") ? [make("p", {}, link)] : []));
  const places = Array.from({ length: Math.min(BEST, layers * heads) }, (_, k) => {
    const name = make("b"), bar = make("i"), value = make("span");
    const button = make("button", { type: "button", onclick: () => choose(order[k]) },
      name, make("span", { class: "bar" }, bar), value);
    return { button, name, bar, value };
  });
  const list = make("ol", { class: "roles-best" },
    ...places.map(({ button }) => make("li", {}, button)));
  const listTitle = make("p", { class: "roles-head" });
  const note = make("p", { class: "roles-note" });

  const interval = (i, said = number) =>
    (role.low ? `${said(role.low[i])} to ${said(role.high[i])}` : "");
  const what = () => (minus ? `score minus ${role.baselines[minus - 1][0]}` : "score");
  const scale = () => LIMITS.find((end) => values.every((v) => Math.abs(v) <= end + 1e-9));

  /** One head in numbers: the one under the pointer or the focus, or the chosen one. */
  function point(i) {
    title.textContent = `Head ${label(i)}`;
    rank.textContent = `layer ${Math.floor(i / heads)}, head ${i % heads}: ` +
      `number ${order.indexOf(i) + 1} of ${layers * heads}`;
    const cell = (x) => make("td", { title: exact(x) }, number(x));
    const line = (name, ...cells) =>
      make("tr", {}, make("th", { scope: "row" }, name), ...cells);
    rows.replaceChildren(
      line("score", cell(role.score[i]), make("td")),
      ...(role.low ? [line("its interval", make("td", {
        colspan: 2, class: "roles-interval", title: interval(i, exact),
      }, interval(i)))] : []),
      ...role.baselines.map(([name, v]) =>
        line(name, cell(v[i]), cell(role.score[i] - v[i]))));
    link.textContent = `Open head ${label(i)} in the attention explorer`;
    link.href = `${model.get("explorer")}?layer=${Math.floor(i / heads)}&head=${i % heads}`;
  }

  function best(end) {
    listTitle.textContent = `The ${places.length} best by ${what()}`;
    places.forEach(({ button, name, bar, value }, k) => {
      const i = order[k];
      button.setAttribute("aria-pressed", String(i === chosen()));
      name.textContent = label(i);
      bar.style.width = `${Math.max(0, (100 * values[i]) / end)}%`;
      value.textContent = number(values[i]);
      value.title = exact(values[i]);
    });
  }

  function update() {
    role = roles[model.get("role")];
    minus = Math.min(model.get("minus"), role.baselines.length);
    const base = minus ? role.baselines[minus - 1][1] : undefined;
    values = role.score.map((s, i) => (base ? s - base[i] : s));
    order = values.map((_, i) => i).sort((a, b) => values[b] - values[a] || a - b);
    const end = scale(), signed = minus > 0 || values.some((v) => v < 0);
    const map = signed ? "signed" : "attention";
    cells.forEach((cell, i) => {
      const share = signed ? 0.5 + values[i] / (2 * end) : values[i] / end;
      cell.style.background = kit.colour(share, map);
      cell.setAttribute("aria-label", `layer ${Math.floor(i / heads)}, head ${i % heads}: ` +
        exact(values[i]));
    });
    roleBox.value = model.get("role");
    minusBox.replaceChildren(make("option", { value: 0 }, "nothing"),
      ...role.baselines.map(([name], i) => make("option", { value: i + 1 }, name)));
    minusBox.value = minus;
    bar.style.background = `linear-gradient(90deg, ${Array.from({ length: 9 }, (_, i) =>
      kit.colour(i / 8, map)).join(", ")})`;
    ticks.replaceChildren(...(signed ? [-end, 0, end] : [0, end / 2, end]).map((t) =>
      make("span", {}, String(+t.toFixed(3)).replace("-", "−"))));
    legend.firstChild.textContent = minus ? "difference" : "score";
    const first = order[0], ends = interval(first);
    summary.textContent = `${role.name[0].toUpperCase()}${role.name.slice(1)}, ` +
      `n = ${role.n}: head ${label(first)} has the highest ${what()}, ` +
      `${number(values[first])}${ends && !minus ? ` (interval ${ends})` : ""}.`;
    note.textContent = role.note;
    note.hidden = !roles.some((r) => r.note);
    mark();
  }

  /** The chosen head, in the table and in the list. */
  function mark() {
    const i = chosen();
    grid.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    cells[i].setAttribute("aria-selected", "true");
    if (!grid.contains(document.activeElement)) stop(i % heads, Math.floor(i / heads));
    best(scale());
    point(i);
    inView();
  }

  function inView() {
    const at = cells[chosen()].offsetLeft, left = at - scroller.scrollLeft;
    if (left < 40 || left > scroller.clientWidth - 40) {
      scroller.scrollLeft = at - scroller.clientWidth / 2;
    }
  }

  const figure = make("div", {
    class: "viz head-roles", role: "group", "aria-label": model.get("alt"),
  },
  make("div", { class: "viz-bar" }, make("label", {}, "Role", roleBox),
    make("label", {}, "minus baseline", minusBox)),
  note, summary,
  make("div", { class: "heads-box" },
    make("div", { class: "heads-axis", "aria-hidden": "true" }, "layer →"),
    kit.edges(scroller, life), legend),
  make("div", { class: "roles-columns" }, one, make("div", {}, listTitle, list)));
  el.append(figure);
  life.resize(scroller, () => {
    const least = matchMedia("(pointer: coarse)").matches ? 26 : 20;
    const slot = Math.floor((scroller.clientWidth - 30) / layers);   // 30: row headers
    grid.style.setProperty("--slot", `${Math.max(least, Math.min(30, slot))}px`);
    inView();
  });
  life.on("role minus", update);
  life.on("layer head", mark);
  update();
  return life.end;
}

export default { render };
