// Words as named points in a plane, and a table of the nearest of one of them.
const COLOURS = ["blue", "orange", "green", "purple", "ochre"];
const HIGH = 13, LETTER = 7.3;                        // px of a name, about

/** Where names find room: around their points, none upon another or a dot; the first always. */
function room(names, dots, left, right) {
  const taken = dots.map(([x, y]) => [x - 4, x + 4, y - 4, y + 4]);
  const hits = (box) => taken.filter(([l, r, top, low]) =>
    box[1] >= l && box[0] <= r && box[3] >= top && box[2] <= low).length;
  return names.flatMap(({ i, words, x, y }, rank) => {
    const size = words.length * LETTER, after = x + 7, before = x - 6 - size;
    const over = Math.max(left, Math.min(x - size / 2, right + 4 - size));
    const places = [[after, y + 4], [before, y + 4], [over, y - 9], [over, y + 18],
      [after, y - 7], [after, y + 15], [before, y - 7], [before, y + 15]]
      .filter(([at]) => at >= left && at + size <= right + 4)
      .map(([at, base]) => {
        const box = [at - 2, at + size + 2, base - HIGH + 2, base + 2];
        return { at, base, box, hits: hits(box) };
      }).sort((one, other) => one.hits - other.hits); // stable: of equals, the earlier
    const [best] = places;
    if (!best || (best.hits && rank)) return [];
    taken.push(best.box);
    return [{ i, x: best.at, y: best.base }];
  });
}

/** The least axes around the points on which a length is the same both ways. */
function around(points, width, height) {
  const ratio = (width - 64) / (height - 64);         // of what is between the axes
  const [x, y] = [0, 1].map((axis) => {
    const values = points.map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  });
  const up = 0.57 * Math.max(y[1] - y[0], (x[1] - x[0]) / ratio) || 1;
  const ends = ([low, high], half) => [(low + high) / 2 - half, (low + high) / 2 + half];
  return { x: ends(x, up * ratio), y: ends(y, up) };
}

/** Points `at` among axes that leave room for all of `within`. */
function paint(svg, width, height, now) {
  const { words, at, group, chosen, nearest, within = at, trail = [], choose } = now;
  const ends = around(within, width, height);
  const { X, Y, left, right } = chart.axes(svg, width, height, {
    ...ends, xName: now.xName, yName: now.yName,
    xTicks: chart.ticks(...ends.x, 4), yTicks: chart.ticks(...ends.y, 4),
  });
  const place = ([x, y]) => [X(x), Y(y)];
  if (trail.length > 1) svg.append(chart.line(trail.map(place), { class: "plane-trail" }));
  for (const i of nearest) {
    svg.append(chart.line([place(at[chosen]), place(at[i])], { class: "plane-near" }));
  }
  words.forEach((word, i) => {
    const [x, y] = place(at[i]);
    svg.append(kit.draw("circle", {
      cx: x.toFixed(2), cy: y.toFixed(2), r: i === chosen ? 6 : 4, onclick: () => choose(i),
      class: `plane-dot plane-${COLOURS[group[i]] ?? "grey"}${i === chosen ? " chosen" : ""}`,
    }, kit.draw("title", {}, word)));
  });
  const order = [...new Set([chosen, ...nearest, ...words.keys()])];
  const names = order.map((i) => {
    const [x, y] = place(at[i]);
    return { i, words: words[i], x, y };
  });
  const dots = [chosen, ...nearest].map((i) => place(at[i]));
  for (const { i, x, y } of room(names, dots, left, right)) {
    svg.append(chart.text(x.toFixed(2), y.toFixed(2), words[i], {
      class: i === chosen || nearest.includes(i) ? "plane-name near" : "plane-name",
      onclick: () => choose(i),
    }));
  }
}

/** Words with a cosine each, as numbers and bars. */
function table(rows, name, digits = 4) {
  const { make } = kit, caption = make("caption"), body = make("tbody");
  const element = make("table", { class: "plain-table plane-table" }, caption,
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "word"),
      make("th", { scope: "col", colspan: 2 }, name))), body);
  function show(title, found) {
    caption.textContent = title;
    body.replaceChildren(...found.slice(0, rows).map(([word, cosine]) => make("tr", {},
      make("th", { scope: "row" }, word),
      make("td", { class: "bar" }, make("i", {
        style: `width:${100 * Math.max(Math.min(cosine, 1), 0)}%` })),
      make("td", {}, chart.minus(cosine.toFixed(digits))))));
  }
  return { element, show };
}

export default { COLOURS, paint, table };
