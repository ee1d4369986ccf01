/* global kit */
// One head: its matrix, its arcs, and the chosen query's row in numbers.
const digits = (weight) => weight.toFixed(4);

/** The heat map as a grid of cells; `point(q, k, kept)` says where the reader is. */
function matrix(map, point) {
  const { make } = kit, { labels, size } = map;
  const longest = Math.max(...labels.map((label) => label.length));
  const grid = make("div", {
    class: "weights", role: "grid", "aria-label": "Attention weights, queries by keys",
    style: `--longest:${longest}`,
  });
  const head = make("div", { role: "row" }, make("span", {
    role: "columnheader", class: "weights-corner",
  }, make("span", {}, "key →"), make("span", {}, "query ↓")));
  labels.forEach((label, k) => head.append(make("span",
    { role: "columnheader", class: "weights-key", style: `grid-area:1/${k + 2}` },
    make("span", {}, label))));
  grid.append(head);
  const cells = labels.map((label, q) => {
    const row = make("div", { role: "row" }, make("span", {
      role: "rowheader", class: "weights-query", style: `grid-area:${q + 2}/1`,
      onpointerover: () => point(q, -1, false), onclick: () => point(q, -1, true),
    }, label));
    grid.append(row);
    return Array.from({ length: map.keys(q) }, (_, k) => {
      const cell = make("span", {
        role: "gridcell", tabindex: "-1", style: `grid-area:${q + 2}/${k + 2}`,
        onpointerover: () => point(q, k, false), onclick: () => point(q, k, true),
        onfocus: () => { stop(q, k); point(q, k, true); },
      });
      row.append(cell);
      return cell;
    });
  });
  const frame = make("span", { class: "weights-mark", "aria-hidden": "true" });
  grid.append(frame);
  const stop = kit.roving(grid, (q, k) => cells[q]?.[k], size, size);

  function show(at, query) {
    cells.forEach((row, q) => row.forEach((cell, k) => {
      cell.style.background = kit.colour(at(q, k));
      cell.setAttribute("aria-label",
        `${labels[q]} to ${labels[k]}: ${digits(at(q, k))}`);
    }));
    frame.style.gridArea = `${query + 2} / 2 / auto / span ${map.keys(query)}`;
    grid.querySelectorAll(".weights-query").forEach((name, q) =>
      name.classList.toggle("chosen", q === query));
    if (!grid.contains(document.activeElement)) stop(query, 0);
  }
  return { element: grid, show };
}

/** The sentence in a row; arcs lead from the chosen query to what it looks at. */
function arcs(map, point, life) {
  const { make, draw } = kit, { labels, size } = map;
  const values = labels.map(() => make("small"));
  const tokens = labels.map((label, q) => make("button", {
    type: "button", tabindex: "-1", onpointerover: () => point(q, -1, false),
    onclick: () => point(q, -1, true), onfocus: () => { stop(0, q); point(q, -1, true); },
  }, make("span", {}, label), values[q]));
  const svg = draw("svg", { "aria-hidden": "true" });
  const row = make("div", {
    class: "arcs-tokens", role: "toolbar", "aria-label": "Tokens: choose the query",
  }, ...tokens);
  const inside = make("div", { class: "arcs-inside" }, svg, row);
  const scroller = make("div", { class: "arcs" }, inside);
  let inView;                                         // the query that was brought there
  const stop = kit.roving(row, (r, q) => (r === 0 ? tokens[q] : undefined), 1, size);

  /** From the query to the key; the farther apart, the higher. To itself: a loop. */
  function path(from, to, height, width) {
    const spread = from === to ? 15 : 0;
    const rise = from === to ? 34 : 24 + ((height - 30) * Math.abs(from - to)) / width;
    const top = height - rise * (4 / 3);                // a cubic peaks at 3/4 of its handles
    return `M${from - spread / 3} ${height} C${from - spread} ${top} ` +
      `${to + spread} ${top} ${to + spread / 3} ${height}`;
  }

  /** Its keys are to the left of a query: as much of them as there is room for. */
  function bring(query) {
    const { offsetLeft: left, offsetWidth } = tokens[query], { clientWidth } = scroller;
    if (query === inView || !clientWidth) return;
    inView = query;
    const end = left + offsetWidth - clientWidth;
    scroller.scrollLeft = Math.min(Math.max(scroller.scrollLeft, end), left);
  }

  function show(at, query) {
    const width = inside.clientWidth, height = Math.min(190, Math.max(110, width * 0.28));
    const x = tokens.map((token) => token.offsetLeft + token.offsetWidth / 2);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    svg.replaceChildren();
    const order = [...Array(size).keys()].filter((q) => q !== query).concat(query);
    for (const q of order) {
      for (let k = 0; k < map.keys(q); k += 1) {
        const weight = at(q, k);
        if (weight < 0.01) continue;
        svg.append(draw("path", {
          d: path(x[q], x[k], height, width), class: q === query ? "chosen" : "other",
          "stroke-width": (0.5 + 9 * weight).toFixed(2),
          "stroke-opacity": q === query ? (0.35 + 0.6 * weight).toFixed(2) : 0.1,
        }));
      }
    }
    tokens.forEach((token, k) => {
      const seen = k < map.keys(query);
      values[k].textContent = seen ? at(query, k).toFixed(2) : "–";
      token.classList.toggle("ahead", !seen);
      token.setAttribute("aria-pressed", String(k === query));
    });
    if (!row.contains(document.activeElement)) stop(0, query);
    bring(query);
  }
  return { element: kit.edges(scroller, life), show };
}

/** The chosen row as a table with bars: every number that the colours stand for. */
function table(map) {
  const { make } = kit, { labels } = map;
  const caption = make("caption");
  const rows = labels.map((label) => {
    const bar = make("i"), value = make("td");
    return { bar, value, line: make("tr", {},
      make("th", { scope: "row" }, label), make("td", { class: "bar" }, bar), value) };
  });
  const element = make("table", { class: "looks" }, caption,
    make("tbody", {}, ...rows.map(({ line }) => line)));
  function show(at, query) {
    caption.textContent = `Where “${labels[query]}” looks`;
    rows.forEach(({ bar, value, line }, k) => {
      line.hidden = k >= map.keys(query);
      if (line.hidden) return;
      bar.style.width = `${100 * at(query, k)}%`;
      value.textContent = at(query, k).toFixed(3);
    });
  }
  return { element, show };
}

export default { matrix, arcs, table, digits };
