// Wakes live figures on a page that has no kernel. A classic script, because browsers
// refuse ES modules from file://. Each figure is an anywidget module; the models here
// offer what anywidget's do, without anyone to talk to.
(() => {
  const base = document.currentScript.src.replace(/[^/]*$/, "");
  const versions = /*VERSIONS*/ {};
  const scripts = new Map();                       // path -> promise
  const models = new Map();                        // key -> model: many views, one state
  const woken = new Map();                         // figure -> promise
  const told = new Map();                          // model -> its part of the address
  const PAUSE = 400;       // ms without a change: Safari allows 100 addresses in 30 s
  let timer;

  function script(path) {
    if (!scripts.has(path)) {
      scripts.set(path, new Promise((loaded, failed) => {
        const element = document.createElement("script");
        element.src = base + path + (versions[path] ? `?v=${versions[path]}` : "");
        element.onload = loaded;
        element.onerror = () => failed(new Error(`cannot load ${element.src}`));
        document.head.append(element);
      }));
    }
    return scripts.get(path);
  }

  function revive(_, value) {
    if (typeof value?.$b64 !== "string") return value;
    const bytes = Uint8Array.from(atob(value.$b64), (c) => c.charCodeAt(0));
    return new DataView(bytes.buffer);
  }

  function makeModel(state, saved) {
    const listeners = new Map();                   // event -> set of callbacks
    const emit = (event, ...args) =>
      [...(listeners.get(event) ?? [])].forEach((callback) => callback(...args));
    const model = {
      get: (name) => state[name],
      set(name, value) {
        if (state[name] === value) return;
        state[name] = value;
        emit(`change:${name}`, model, value, {});
        emit("change", model, {});
      },
      save_changes: () => saved(model),
      send() {},
      on(events, callback) {
        for (const e of events.split(" ")) {
          listeners.set(e, (listeners.get(e) ?? new Set()).add(callback));
        }
      },
      off(events, callback) {
        if (!events) return listeners.clear();
        for (const e of events.split(" ")) {
          if (callback) listeners.get(e)?.delete(callback);
          else listeners.delete(e);
        }
      },
    };
    return model;
  }

  async function rouse(figure) {
    figure.dataset.state = "loading";
    const { live: name, key } = figure.dataset;
    const { signal } = new AbortController();
    try {
      await script(`${name}.js`);
      const made = LiveFigures.modules[name];
      if (!models.has(key)) {
        const json = figure.querySelector("script").textContent;
        const model = makeModel(JSON.parse(json, revive), () => remember(figure, model));
        models.set(key, model);
        told.set(model, inWords(figure, model));
        await made.initialize?.({ model: models.get(key), signal });
      }
      const el = document.createElement("div");
      el.className = "viz-view";
      figure.append(el);
      await made.render({ model: models.get(key), el, signal });
      figure.querySelector(".viz-alt")?.remove();
      figure.style.minHeight = "";
      figure.dataset.state = "alive";
    } catch (error) {
      figure.dataset.state = "failed";             // the text alternative stays
      console.error(`live figure ${name}:`, error);
    }
  }

  function wake(figure) {
    if (!woken.has(figure)) woken.set(figure, rouse(figure));
    return woken.get(figure);
  }

  // The address says what the figure changed last shows: #heads?layer=13&head=8.
  // `data-links` has the rules, made by LiveFigure.choices; anything else is ignored.
  const rules = (figure) => JSON.parse(figure.dataset.links || "{}");

  /** The allowed value that the text names, or undefined. */
  function allowed(rule, text, now) {
    if (Array.isArray(rule)) return rule.find((value) => String(value) === text);
    if (typeof rule === "string") {                // "012": these, in any order
      const sorted = (letters) => [...letters].sort().join("");
      return sorted(text) === sorted(rule) ? text : undefined;
    }
    if (typeof rule === "object") {                // {sentence: [7, 3]}
      const [other] = Object.keys(rule);
      return allowed(rule[other][now(other)], text, now);
    }
    return /^(0|[1-9]\d*)$/.test(text) && +text < rule ? +text : undefined;
  }

  /** The linked part of a figure's state, as the address has it. */
  const inWords = (figure, model) => String(new URLSearchParams(
    Object.keys(rules(figure)).map((name) => [name, model.get(name)])));

  /** Called when the reader has changed a model: puts its state in the address. */
  function remember(figure, model) {
    const words = inWords(figure, model);
    if (words === told.get(model)) return;         // nothing that is linked
    told.set(model, words);
    clearTimeout(timer);
    timer = setTimeout(() => {
      history.replaceState(history.state, "", `#${figure.dataset.key}?${words}`);
    }, PAUSE);
  }

  /** Goes where the address points, if that is a figure, and sets what it asks for. */
  async function follow() {
    clearTimeout(timer);
    const [key, query] = location.hash.slice(1).split("?", 2);
    const figure = [...document.querySelectorAll("[data-live]")]
      .find((one) => one.dataset.key === key);
    if (!figure) return;
    const wanted = new URLSearchParams(query);
    figure.scrollIntoView({ behavior: "instant" });
    await wake(figure);
    const model = models.get(key);
    if (figure.dataset.state !== "alive") return;
    for (const [name, rule] of Object.entries(rules(figure))) {
      const value = allowed(rule, wanted.get(name) ?? "", model.get);
      if (value !== undefined) model.set(name, value);
    }
    told.set(model, inWords(figure, model));
    figure.scrollIntoView({ behavior: "instant" });  // what is above may have grown
    const view = figure.querySelector(".viz-view > *");
    view.tabIndex = -1;                            // the next Tab goes on from here
    view.focus({ preventScroll: true });
  }

  function watch() {
    const figures = document.querySelectorAll("[data-live]");
    const near = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) { near.unobserve(target); wake(target); }
      }
    }, { rootMargin: "600px" });
    figures.forEach((figure) => near.observe(figure));
    addEventListener("beforeprint", () => figures.forEach(wake));
    addEventListener("hashchange", follow);
    follow();
  }

  window.LiveFigures = { modules: {}, script };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", watch);
  else watch();
})();
