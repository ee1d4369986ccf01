/* global kit, online_arithmetic */
// One query reads its keys a chunk at a time, and keeps only m, ℓ and O of them.
const LISTED = 8;                                     // entries of O given as numbers
const minus = (text) => text.replace(/^-/, "−");
const round = (x) => (Number.isNaN(x) ? "NaN" : Math.abs(x) === Infinity ? "∞"
  : minus((Math.abs(x) < 5e-5 ? 0 : x).toFixed(4)));
const large = (x) => {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "NaN" : "∞";
  if (x === 0) return "0";
  if (x >= 1e-3 && x < 1e5) return x.toFixed(x < 10 ? 4 : 1);
  const [digits, power] = x.toExponential(2).split("e");
  const raised = [...power.replace("+", "")].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join("");
  return `${digits}\u00a0·\u00a010${raised}`;
};

/** e to a power, in which a name after "_" stands lower. */
function exp(...power) {
  const parts = power.map((text) => (text.startsWith("_")
    ? kit.make("sub", {}, text.slice(1)) : text));
  return kit.make("span", {}, "e", kit.make("sup", {}, ...parts));
}

function render({ model, el }) {
  const { make } = kit, life = kit.lifetime(model), names = [kit.id(), kit.id()];
  const floats = (name) => {
    const { buffer, byteOffset, byteLength } = model.get(name);
    return [...new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength))];
  };
  const labels = model.get("labels"), size = labels.length, width = model.get("width");
  const raw = floats("scores"), flat = floats("values");
  const values = labels.map((_, i) => flat.slice(i * width, (i + 1) * width));
  const top = Math.max(...flat.map(Math.abs)) || 1;   // of the colours of O
  const chunk = () => model.get("chunk");
  const steps = () => Math.ceil(size / chunk());
  const set = (changes) => {
    for (const [trait, value] of Object.entries(changes)) model.set(trait, value);
    model.save_changes();
  };

  const sizes = make("select", {
    onchange() {
      const seen = Math.min(model.get("step") * chunk(), size);
      set({ chunk: +sizes.value, step: Math.ceil(seen / +sizes.value) });
    },
  }, ...model.get("chunks").map((n) => make("option", { value: n },
    n === size ? `${n} (all)` : n)));
  const back = make("button", {
    type: "button", onclick: () => set({ step: model.get("step") - 1 }),
  }, "← Back");
  const on = make("button", {
    type: "button", onclick: () => set({ step: model.get("step") + 1 }),
  }, "Next chunk →");
  const range = make("input", {
    type: "range", id: names[0], min: 0, step: 1,
    oninput: () => set({ step: +range.value }),
  });
  const place = make("output", { for: names[0] });
  const shifts = model.get("shifts");
  const shift = make("input", {
    type: "range", id: names[1], min: shifts[0], max: shifts.at(-1),
    step: shifts[1] - shifts[0], oninput: () => set({ shift: +shift.value }),
  });
  const shifted = make("output", { for: names[1] });

  const summary = make("p", { role: "status", class: "online-words" });
  const rows = labels.map((text) => {
    const cells = { score: make("td"), e: make("td"), bar: make("i"), weight: make("td") };
    const line = make("tr", {}, make("th", { scope: "row" }, text), cells.score, cells.e,
      make("td", { class: "bar" }, cells.bar), cells.weight);
    return { ...cells, line };
  });
  const heading = (...texts) => make("thead", {}, make("tr", {}, ...texts.map((text) =>
    make("th", { scope: "col" }, text))));
  const body = make("tbody", {}, ...rows.map(({ line }) => line));
  const keys = make("table", { class: "online-keys" },
    make("caption", {}, "The keys, as they arrive"),
    make("thead", {}, make("tr", {}, ...["key", "score s", exp("s − m")].map((text) =>
      make("th", { scope: "col" }, text)),
    make("th", { scope: "col", colspan: 2 }, "weight so far"))), body);
  const kept = make("tbody"), ends = make("tbody"), naive = make("tbody");
  const state = make("table", { class: "online-state" },
    make("caption", {}, "All that is kept of them"),
    heading("quantity", "before", "after"), kept);
  const strip = make("div", { class: "online-strip", role: "img" });
  const entries = make("p", { class: "online-entries" });
  const output = make("div", { class: "online-output" },
    make("p", { class: "online-head" }, `Output O / ℓ, ${width} numbers`), strip, entries);
  const final = make("table", { class: "online-state" },
    make("caption", {}, "At the end, beside the ordinary softmax"),
    heading("quantity", "online", "ordinary", "difference"), ends);
  const plain = make("table", { class: "online-state" },
    make("caption", {}, "The same without subtracting m"),
    heading("computed in", make("span", {}, "Σ ", exp("s")), "greatest weight"), naive);

  const row = (name, ...cells) => make("tr", {}, make("th", { scope: "row" }, name),
    ...cells.map((cell) => make("td", {}, cell)));

  function say(now, first, seen) {
    const step = model.get("step");
    if (step === 0) return `${size} keys are waiting, nothing is kept yet: ℓ = 0, O = 0.`;
    const which = seen - first > 1 ? `keys ${first + 1} to ${seen}` : `key ${seen}`;
    const start = `Chunk ${step} of ${steps()}, ${which}: `;
    if (step === 1) return `${start}the greatest score so far is m = ${round(now.m)}.`;
    if (now.shrink === 1) {
      return `${start}none is above m = ${round(now.m)}, so what was kept stays as it is.`;
    }
    return `${start}m rises from ${round(now.old.m)} to ${round(now.m)}, so the ℓ and O ` +
      `kept so far shrink by the factor ${large(now.shrink)}.`;
  }

  function update() {
    const step = Math.min(model.get("step"), steps()), add = model.get("shift");
    const scores = raw.map((s) => s + add);
    const now = online_arithmetic.after(scores, values, chunk(), step);
    const seen = Math.min(step * chunk(), size), first = Math.max(step - 1, 0) * chunk();
    sizes.value = chunk();
    range.max = steps();
    range.value = step;
    place.textContent = `${step} of ${steps()} chunks`;
    range.setAttribute("aria-valuetext", place.textContent);
    shift.value = add;
    shifted.textContent = `+ ${add}`;
    const held = document.activeElement;             // a disabled button would lose it
    back.disabled = step === 0;
    on.disabled = step === steps();
    if (held === on && on.disabled) back.focus();
    if (held === back && back.disabled) on.focus();
    summary.textContent = say(now, first, seen);
    rows.forEach(({ line, score, e, bar, weight }, i) => {
      const there = i < seen, up = there ? Math.exp(scores[i] - now.m) : NaN;
      line.className = there ? (i >= first ? "arriving" : "read") : "waiting";
      line.classList.toggle("starts", i > 0 && i % chunk() === 0);
      score.textContent = there ? round(scores[i]) : "·";
      e.textContent = there ? round(up) : "·";
      weight.textContent = there ? round(up / now.l) : "·";
      bar.style.width = there ? `${(100 * up) / now.l}%` : "0";
    });
    const old = now.old ?? {};
    const or = (x) => (x === undefined || x === -Infinity ? "–" : round(x));
    kept.replaceChildren(
      row("m, greatest score", or(old.m), or(now.m)),
      row(make("span", {}, "factor ", exp("m", "_old", " − m")), "",
        now.shrink === undefined ? "–" : large(now.shrink)),
      row(make("span", {}, "ℓ = Σ ", exp("s − m")), or(old.l), round(now.l)),
      row(make("span", {}, "O = Σ ", exp("s − m"), " v, first number"),
        or(old.o?.[0]), round(now.o[0])));
    paint(now, seen);
    finish(scores, now, step === steps());
    plainly(scores.slice(0, seen), seen);
  }

  function paint(now, seen) {
    const out = seen ? now.o.map((x) => x / now.l) : [];
    strip.replaceChildren(...Array.from({ length: width }, (_, i) => make("i", {
      title: seen ? `O/ℓ, number ${i + 1}: ${round(out[i])}` : undefined,
      style: seen ? `background:${kit.colour(0.5 + out[i] / (2 * top), "signed")}` : "",
    })));
    const some = out.slice(0, LISTED).map(round).join(", ");
    const text = seen ? `${some}${width > LISTED ? ", …" : ""}` : "nothing yet";
    entries.textContent = text;
    strip.setAttribute("aria-label", `Output as colours, from −${round(top)} to ` +
      `${round(top)}. It begins: ${text}`);
  }

  function finish(scores, now, done) {
    const all = online_arithmetic.ordinary(scores, values);
    const gap = (a, b) => (done ? large(Math.abs(a - b)) : "–");
    const pair = (name, a, b) => row(name, done ? round(a) : "–", round(b), gap(a, b));
    const here = now.o.map((x) => x / now.l);
    const far = Math.max(...here.map((x, i) => Math.abs(x - all.o[i])));
    const highest = Math.exp(Math.max(...scores) - now.m) / now.l;
    ends.replaceChildren(
      pair("greatest weight", highest, Math.max(...all.weights)),
      pair("output, first number", here[0], all.o[0]),
      row(`output, worst of ${width}`, "", "", done ? large(far) : "–"));
  }

  function plainly(scores, seen) {
    const formats = [["float16, up to 65,504", online_arithmetic.half],
      ["float32, up to 3.4 · 10³⁸", Math.fround], ["float64, up to 1.8 · 10³⁰⁸", (x) => x]];
    naive.replaceChildren(...formats.map(([name, fit]) => {
      const { sum, weight } = online_arithmetic.naive(scores, fit);
      const line = row(name, seen ? large(sum) : "–", seen ? round(weight) : "–");
      line.classList.toggle("broken", seen > 0 && !Number.isFinite(weight));
      return line;
    }));
  }

  const source = model.get("source");
  el.append(make("div", {
    class: "viz online-softmax", role: "group", "aria-label": model.get("alt"),
  },
  ...(source ? [make("p", { class: "online-source" }, source)] : []),
  make("div", { class: "viz-bar" },
    make("label", {}, "Keys in a chunk", sizes),
    make("span", { class: "online-moves" }, back, on)),
  make("div", { class: "viz-bar online-ranges" },
    make("label", { for: names[0] }, "Read"), range, place),
  make("div", { class: "viz-bar online-ranges" },
    make("label", { for: names[1] }, "Add to every score"), shift, shifted),
  summary,
  make("div", { class: "online-columns" }, make("div", {}, keys),
    make("div", {}, state, output, final, plain,
      make("p", { class: "online-note" }, "NaN is what ∞/∞ or 0/0 leaves. A constant " +
        "added to every score changes m, and no weight.")))));
  life.on("chunk step shift", update);
  update();
  return life.end;
}

export default { render };
