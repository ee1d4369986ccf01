/* global kit */
// All heads at once: one canvas holds the pictures, buttons over it choose a head.
const GAP = 2;                                        // px between two pictures

function overview({ layers, heads, choose, life }) {
  const { make } = kit;
  const canvas = make("canvas", { "aria-hidden": "true" });
  const grid = make("div", {
    class: "heads", role: "grid", style: `--layers:${layers}`,
    "aria-label": `All heads: ${heads} rows of heads, ${layers} columns of layers`,
  });
  const scroller = make("div", { class: "heads-scroll" }, grid);
  const buttons = [];

  const header = make("div", { role: "row", class: "heads-row" },
    make("span", { role: "columnheader", class: "heads-corner" }, "head"));
  for (let l = 0; l < layers; l += 1) {
    header.append(make("span", { role: "columnheader" }, l));
  }
  grid.append(header, canvas);
  for (let h = 0; h < heads; h += 1) {
    const row = make("div", { role: "row", class: "heads-row" },
      make("span", { role: "rowheader" }, h));
    buttons.push([]);
    for (let l = 0; l < layers; l += 1) {
      const button = make("button", {
        type: "button", role: "gridcell", tabindex: "-1", title: `${l}.${h}`,
        "aria-selected": "false",
        "aria-label": `layer ${l}, head ${h}`, style: `grid-area:${h + 2}/${l + 2}`,
        onclick: () => choose(l, h), onfocus: () => stop(h, l),
      });
      buttons[h].push(button);
      row.append(button);
    }
    grid.append(row);
  }
  canvas.style.gridArea = `2 / 2 / ${heads + 2} / ${layers + 2}`;
  const stop = kit.roving(grid, (h, l) => buttons[h]?.[l], heads, layers);

  function select(layer, head) {
    grid.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    const chosen = buttons[head][layer];
    chosen.setAttribute("aria-selected", "true");
    if (!grid.contains(document.activeElement)) stop(head, layer);
    const left = chosen.offsetLeft - scroller.scrollLeft;
    if (left < 40 || left > scroller.clientWidth - 40) {
      scroller.scrollLeft = chosen.offsetLeft - scroller.clientWidth / 2;
    }
  }

  /** As wide as the figure, but never too small for the pointer: then it scrolls. */
  function slot() {
    const least = matchMedia("(pointer: coarse)").matches ? 26 : 20;
    const width = scroller.clientWidth - 30;           // 30: the row headers
    return Math.max(least, Math.min(30, Math.floor(width / layers)));
  }

  /** `row`: the query whose row alone is drawn, or -1 for the whole pictures. */
  function paint(map, row) {
    const side = slot(), scale = Math.max(1, devicePixelRatio);
    grid.style.setProperty("--slot", `${side}px`);
    const step = Math.round(side * scale), inner = step - Math.round(GAP * scale);
    canvas.width = step * layers;
    canvas.height = step * heads;
    const context = canvas.getContext("2d"), shades = kit.levels(grid, "attention");
    const edge = (i) => Math.round((i * inner) / map.size);
    const rows = row < 0 ? [...Array(map.size).keys()] : [row];
    for (let l = 0; l < layers; l += 1) {
      for (let h = 0; h < heads; h += 1) {
        for (const q of rows) {
          const top = row < 0 ? edge(q) : 0, bottom = row < 0 ? edge(q + 1) : inner;
          for (let k = 0; k < map.keys(q); k += 1) {
            const weight = map.at(l, h, q, k);
            context.fillStyle = shades[Math.round(weight * (shades.length - 1))];
            context.fillRect(l * step + edge(k), h * step + top,
              edge(k + 1) - edge(k), bottom - top);
          }
        }
      }
    }
  }

  const element = make("div", { class: "heads-box" },
    make("div", { class: "heads-axis", "aria-hidden": "true" }, "layer →"),
    kit.edges(scroller, life));
  return { element, select, paint };
}

export default overview;
