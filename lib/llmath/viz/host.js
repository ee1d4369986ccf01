// Wakes live figures on a page that has no kernel. A classic script, because browsers
// refuse ES modules from file://. Each figure is an anywidget module; the models here
// offer what anywidget's do, without anyone to talk to.
(() => {
  const base = document.currentScript.src.replace(/[^/]*$/, "");
  const versions = /*VERSIONS*/ {};
  const scripts = new Map();                       // path -> promise
  const models = new Map();                        // key -> model: many views, one state

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

  function makeModel(state) {
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
      save_changes() {},
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

  async function wake(figure) {
    if (figure.dataset.state) return;
    figure.dataset.state = "loading";
    const { live: name, key } = figure.dataset;
    const { signal } = new AbortController();
    try {
      await script(`${name}.js`);
      const made = LiveFigures.modules[name];
      if (!models.has(key)) {
        const json = figure.querySelector("script").textContent;
        models.set(key, makeModel(JSON.parse(json, revive)));
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

  function watch() {
    const figures = document.querySelectorAll("[data-live]");
    const near = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) { near.unobserve(target); wake(target); }
      }
    }, { rootMargin: "600px" });
    figures.forEach((figure) => near.observe(figure));
    addEventListener("beforeprint", () => figures.forEach(wake));
  }

  window.LiveFigures = { modules: {}, script };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", watch);
  else watch();
})();
