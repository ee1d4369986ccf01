/* global kit */
// A slider over pictures drawn beforehand; each picture is a list of shared lines.
const PACE = 600;                                     // ms for a picture when it plays

function render({ model, el }) {
  const { make } = kit, life = kit.lifetime(model), id = kit.id();
  const labels = model.get("labels"), lines = model.get("lines");
  const picture = make("div", { class: "frames-picture" });
  const range = make("input", {
    type: "range", id, min: 0, max: labels.length - 1, step: 1,
    oninput: () => { stop(); show(+range.value); },
  });
  const output = make("output", { for: id });
  const play = make("button", { type: "button", class: "frames-play" });
  let timer;

  function show(index) {
    model.set("index", index);
    model.save_changes();
  }
  function draw() {
    const index = model.get("index");
    range.value = index;
    range.setAttribute("aria-valuetext", labels[index]);
    output.textContent = labels[index];
    picture.innerHTML = model.get("frames")[index].map((i) => lines[i]).join("\n");
  }
  function stop() {
    clearInterval(timer);
    timer = undefined;
    play.textContent = "▶";
    play.setAttribute("aria-label", "Play");
  }
  play.onclick = () => {
    if (timer) return stop();
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "Pause");
    timer = setInterval(() => show((model.get("index") + 1) % labels.length), PACE);
  };

  stop();
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  el.append(make("div", {
    class: "viz frames", role: "group", "aria-label": model.get("alt"),
  }, make("div", { class: "viz-bar" }, make("label", { for: id }, model.get("name")),
    range, output, ...(calm ? [] : [play])), picture));
  life.on("index", draw);
  draw();
  return () => { stop(); life.end(); };
}

export default { render };
