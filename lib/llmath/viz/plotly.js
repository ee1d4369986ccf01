/* global kit */
// Static page only: a plotly figure in the colours of the theme. The library is fetched
// once, by the first figure that comes near.
const LIBRARY = "../vendor/plotly/plotly.min.js";
const touch = matchMedia("(hover: none)").matches;
const CONFIG = {                                      // nothing leaves the page
  displaylogo: false, responsive: true, plotlyServerURL: "", showSendToCloud: false,
  displayModeBar: touch ? false : "hover",
  modeBarButtonsToRemove: ["sendDataToCloud", "lasso2d", "select2d"],
};

async function render({ model, el }) {
  await window.LiveFigures.script(LIBRARY);
  const life = kit.lifetime(model);
  const { data, layout, frames } = model.get("figure"), names = model.get("names");
  const figure = kit.make("div", {
    class: "viz plotly-figure", role: "group", "aria-label": model.get("alt"),
  });
  el.append(figure);

  /** The figure with every palette colour as the theme has it now. */
  function themed() {
    const now = getComputedStyle(figure);
    const colour = (_, value) => (names[value]
      ? now.getPropertyValue(`--viz-${names[value]}`).trim() : value);
    const copy = JSON.parse(JSON.stringify({ data, layout, frames: frames ?? [] }), colour);
    for (const ground of [copy.layout, copy.layout.template.layout]) {
      ground.paper_bgcolor = ground.plot_bgcolor = "rgba(0,0,0,0)";
    }
    delete copy.layout.width;                         // as wide as the column
    if (figure.clientWidth < 480) {
      copy.layout.template.layout.title.font.size = 14;
    }
    if (touch) copy.layout.dragmode = false;          // a finger scrolls the page
    return copy;
  }
  const draw = () => window.Plotly.newPlot(figure, { ...themed(), config: CONFIG });
  life.theme(draw);
  await draw();
  return life.end;
}

export default { render };
