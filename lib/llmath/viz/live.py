"""state → a figure that moves, with a kernel and without

One JavaScript file draws the figure in both homes. With a kernel it is an ordinary
anywidget. In the static build (BOOK_STATIC=1) no comm is opened: the figure becomes a
div that holds its state as JSON, and host.js wakes it when it scrolls near.

There, the address carries the state of the figure that the reader changed last:
`#heads?layer=13&head=8` is the place on the page and what the figure shows. A class
names the traits that take part in `linked`.
"""

from __future__ import annotations

import base64
import html
import itertools
import json
import os
import re
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from llmath.viz.style import palette_css

HERE = Path(__file__).parent
NOT_STATE = {"layout", "tabbable", "tooltip"}  # DOMWidget's own, of no use on a page
USES = re.compile(r"^/\* global ([\w, ]+) \*/$", re.M)
EXPORT = re.compile(r"^export default ", re.M)
KEY = re.compile(r"[A-Za-z][\w-]*", re.A)  # nothing that an address would escape


def static_build() -> bool:
    """Set by the Sphinx extension live_figures, inherited by the notebooks' kernels."""
    return os.environ.get("BOOK_STATIC") == "1"


def source(module: str) -> str:
    """The text of a figure's file: one `export default`, no imports."""
    text = (HERE / f"{module}.js").read_text("utf8")
    if len(EXPORT.findall(text)) != 1 or re.search(r"^import\b", text, re.M):
        raise ValueError(f"{module}.js: exactly one `export default`, and no imports")
    return text


def expression(module: str) -> str:
    """The file as a JavaScript expression whose value is its default export."""
    return "(() => {\n" + EXPORT.sub("return ", source(module)) + "})()"


def bundle(module: str) -> str:
    """An ES module: the files named in `/* global a, b */` first, then the figure."""
    text = source(module)
    used = USES.search(text)
    names = [n.strip() for n in used[1].split(",")] if used else []
    return "".join(f"const {n} = {expression(n)};\n" for n in names) + text


def classic(module: str) -> str:
    """The bundle as a classic script: browsers refuse ES modules from file://."""
    body = EXPORT.sub(f'LiveFigures.modules["{module}"] = ', bundle(module))
    return "(() => {\n" + body + "})();\n"


def sheet(name: str) -> str:
    """The text of one of the stylesheets that lie beside the figures."""
    return (HERE / f"{name}.css").read_text("utf8")


def stylesheet() -> str:
    """All that the figures need: colours, still figures, live ones."""
    sheets = ("still", "live", "tokens", "geometry")
    return palette_css() + "".join(map(sheet, sheets))


def host(versions: dict[str, str]) -> str:
    """host.js, knowing the version of each figure's script: caches stay fresh."""
    text = (HERE / "host.js").read_text("utf8")
    return text.replace("/*VERSIONS*/ {}", json.dumps(versions))


def modules() -> list[str]:
    """The figures there are: every .js file that renders something."""
    scripts = sorted(f.stem for f in HERE.glob("*.js") if f.stem != "host")
    return [m for m in scripts if re.search(r"\bfunction render\b", source(m))]


def embed(
    module: str,
    state: dict[str, Any],
    *,
    key: str,
    height: int,
    still: str,
    links: dict[str, Any] | None = None,
    anchor: bool = True,
) -> str:
    """The light form: a div with the state in it; bytes become {"$b64": …}.

    `still` is HTML shown until the figure wakes, and for good where no script runs.
    `links` says what an address may set, as `LiveFigure.links` does; `anchor` makes
    the key the div's id, which a page can have only once.
    """

    def encode(value: Any) -> dict[str, str]:
        return {"$b64": base64.b64encode(bytes(value)).decode()}

    data = json.dumps(state, default=encode, separators=(",", ":"), ensure_ascii=False)
    data = data.replace("<", "\\u003c")  # no </script> can end the element early
    name = html.escape(key)
    rules = html.escape(json.dumps(links or {}, separators=(",", ":")))
    place = f' id="{name}"' if anchor else ""
    return (
        f'<div class="viz viz-live"{place} data-live="{module}" data-key="{name}"'
        f' data-links="{rules}" style="min-height:{height}px">'
        f'<div class="viz-alt">{still}</div>'
        f'<script type="application/json">{data}</script></div>'
    )


class LiveFigure(anywidget.AnyWidget):
    """A subclass names its JavaScript: `module = "frames"` is frames.js, next to it.

    Synced traits are the state. `alt` says what is shown where no script runs and names
    the figure for screen readers. (Colab's widget manager is turned on by anywidget,
    when the first figure is made.)

    `key="heads"` names the figure in links; without it the key is a number, which
    changes when a figure is put before it.
    """

    module: ClassVar[str] = ""
    height: ClassVar[int] = 0  # px, kept free on the page until the figure wakes
    linked: ClassVar[tuple[str, ...]] = ()  # traits that an address carries, in order
    alt = traitlets.Unicode("Interactive figure.").tag(sync=True)

    _numbers: ClassVar[itertools.count] = itertools.count()
    _taken: ClassVar[set[str]] = set()  # keys on the page that is being built

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "module" in cls.__dict__:  # not for the subclass that add_traits() makes
            cls._esm = bundle(cls.module)
            cls._css = stylesheet()
        super().__init_subclass__(**kwargs)

    def __init__(self, *, key: str | None = None, **kwargs: Any) -> None:
        number = next(LiveFigure._numbers)  # the same in every build
        self.key = f"{self.module}-{number}" if key is None else key
        if not KEY.fullmatch(self.key):
            raise ValueError(
                f"key={key!r} cannot stand in an address: a letter, then letters, "
                f"digits, - and _"
            )
        if static_build() and self.key in LiveFigure._taken:
            raise ValueError(
                f"key={key!r} names two figures of one page: links need one for each"
            )
        LiveFigure._taken.add(self.key)
        self._anchored = False
        super().__init__(**kwargs)

    def open(self) -> None:
        """With a comm the state would also go into the notebook's metadata."""
        if not static_build():
            super().open()

    def state(self) -> dict[str, Any]:
        """The synced traits that are the figure's own."""
        names = sorted(k for k in self.keys if not k.startswith("_"))
        return {k: getattr(self, k) for k in names if k not in NOT_STATE}

    def choices(self, name: str) -> Any:
        """What an address may set a linked trait to.

        A list of the values; or n, for 0 … n − 1; or {trait: [n, …]}, where n depends
        on the value of a trait that is linked before it; or letters that may come in
        any order, each once.
        """
        trait = self.traits()[name]
        if isinstance(trait, traitlets.Enum):
            return list(trait.values)
        if isinstance(trait, traitlets.Bool):
            return [False, True]
        raise NotImplementedError(f"{type(self).__name__}.choices({name!r})")

    def links(self) -> dict[str, Any]:
        return {name: self.choices(name) for name in self.linked}

    def still(self) -> str:
        """HTML that stands for the figure where no script runs."""
        return f"<p>{html.escape(self.alt)}</p>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if not static_build():
            return super()._repr_mimebundle_(**kwargs)
        page = embed(
            self.module,
            self.state(),
            key=self.key,
            height=self.height,
            still=self.still(),
            links=self.links(),
            anchor=not self._anchored,  # of many views the first
        )
        self._anchored = True
        return {"text/html": page, "text/plain": self.alt}, {}
