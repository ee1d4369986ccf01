// What the figures share: elements, colours, keyboard focus in grids, cleaning up.
const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const make = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

const draw = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** An id of its own on the page, where each kind of figure has its own copy of this file. */
const id = () => `viz-${(globalThis.vizIds = (globalThis.vizIds ?? 0) + 1)}`;

/** A map's colours, least to greatest, as the theme has them now. */
function levels(element, name) {
  const style = getComputedStyle(element), found = [];
  for (let i = 0; ; i += 1) {
    const colour = style.getPropertyValue(`--viz-${name}-${i}`).trim();
    if (!colour) return found;
    found.push(colour);
  }
}

/** The CSS colour for a value in [0, 1]; it follows the theme by itself. */
const colour = (value, name = "attention", last = 32) =>
  `var(--viz-${name}-${Math.round(Math.min(Math.max(value, 0), 1) * last)})`;

/** Listeners that end together, when the figure goes. */
function lifetime(model) {
  const undo = [];
  return {
    on(names, callback) {
      for (const event of names.split(" ").map((name) => `change:${name}`)) {
        model.on(event, callback);
        undo.push(() => model.off(event, callback));
      }
    },
    theme(callback) {
      const observer = new MutationObserver(callback);
      const attributes = ["data-theme", "theme", "data-jp-theme-light", "class"];
      for (const node of [document.documentElement, document.body]) {
        observer.observe(node, { attributeFilter: attributes });
      }
      undo.push(() => observer.disconnect());
    },
    resize(element, callback) {
      const observer = new ResizeObserver(callback);
      observer.observe(element);
      undo.push(() => observer.disconnect());
    },
    end: () => undo.forEach((stop) => stop()),
  };
}

const STEPS = {
  ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
};

/** One tab stop for a grid; arrows, Home and End move in it. `at(r, c)`: its cells. */
function roving(grid, at, rows, columns) {
  let here = [0, 0];
  function stop(row, column) {
    at(...here)?.setAttribute("tabindex", "-1");
    here = [row, column];
    at(row, column)?.setAttribute("tabindex", "0");
  }
  function next(key) {
    let [row, column] = here;
    if (key === "Home" || key === "End") {
      const way = key === "Home" ? 1 : -1;
      column = key === "Home" ? 0 : columns - 1;
      while (!at(row, column)) column += way;
      return [row, column];
    }
    const [down, right] = STEPS[key];
    row += down;
    column += right;
    return row < 0 || column < 0 || row >= rows || column >= columns || !at(row, column)
      ? here : [row, column];
  }
  grid.addEventListener("keydown", (event) => {
    if (!(event.key in STEPS || event.key === "Home" || event.key === "End")) return;
    event.preventDefault();
    stop(...next(event.key));
    at(...here).focus();
  });
  stop(0, 0);
  return stop;
}

/** A box around what scrolls sideways, with shades at the ends where there is more. */
function edges(scroller, life) {
  const box = make("div", { class: "heads-edges" }, scroller);
  const mark = () => {
    const at = scroller.scrollLeft, end = scroller.scrollWidth - scroller.clientWidth;
    box.dataset.more = [at > 1 && "left", at < end - 1 && "right"].filter(Boolean).join(" ");
  };
  scroller.addEventListener("scroll", mark, { passive: true });
  life.resize(scroller, mark);
  life.resize(scroller.firstElementChild, mark);
  return box;
}

export default { make, draw, id, levels, colour, lifetime, roving, edges };
