"""rows of links → SVG that follows the theme and can be read on a phone

Text is laid out by an estimate of its width; links are real links, reached with Tab.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

SERIF, MONO = 0.52, 0.602  # mean width of a letter, in units of the font's size
SIZE, LINE, RAIL, NARROW, WIDE = 13, 20, 104, 348, 720


@dataclass(frozen=True)
class Link:
    """Words, and where they lead; nowhere if the page is still to come."""

    text: str
    address: str = ""
    mono: bool = False

    @property
    def width(self) -> float:
        return len(self.text) * SIZE * (MONO if self.mono else SERIF)


@dataclass(frozen=True)
class Row:
    """A step of the path, with its links."""

    arrow: str
    to: str
    chapters: tuple[Link, ...]
    files: tuple[Link, ...]


def text(x: float, y: float, words: str, kind: str = "", **style) -> str:
    more = "".join(f' {key.replace("_", "-")}="{v}"' for key, v in style.items())
    name = f' class="{kind}"' if kind else ""
    size = "" if "font_size" in style else f' font-size="{SIZE}"'
    return f'<text x="{x:g}" y="{y:g}"{name}{size}{more}>{html.escape(words)}</text>'


def linked(x: float, y: float, link: Link) -> str:
    shown = text(x, y, link.text, "mono" if link.mono else "")
    if not link.address:
        return text(x, y, link.text, "soft")
    return f'<a href="{html.escape(link.address)}">{shown}</a>'


def tip(x: float, y: float, kind: str = "", *, turn: int = 0) -> str:
    """The head of an arrow that points down, or is turned."""
    at = f'transform="translate({x:g} {y:g}) rotate({turn})"'
    return f'<path class="tip {kind}" d="M-4-8 4-8 0 0Z" {at}/>'


def flow(links: tuple[Link, ...], left: float, right: float, y: float):
    """The links one behind the other, in as many lines as they take: (svg, end)."""
    parts, x = [], left
    for link in links:
        if x > left and x + link.width > right:
            x, y = left, y + LINE
        parts.append(linked(x, y, link))
        x += link.width + 9
    return parts, y


def body(row: Row, y: float, width: int) -> tuple[list[str], float]:
    """What stands beside an arrow: its name, its chapters, its files."""
    left, top = RAIL + 6, y + 15
    parts = [text(left, top, row.arrow, font_weight=600)]
    if width == WIDE:
        more, end = flow(row.chapters, left + 172, left + 388, top)
        files, low = flow(row.files, left + 392, width - 4, top)
        return [*parts, *more, *files], max(end, low) + 12
    end = top
    for links in (row.chapters, row.files):
        if links:
            more, end = flow(links, left, width - 4, end + LINE)
            parts += more
    return parts, end + 12


def station(name: str, y: float) -> list[str]:
    return [
        f'<rect class="station" x="20" y="{y - 13:g}" width="78" height="26" rx="13"/>',
        text(59, y + 4.5, name, text_anchor="middle", font_weight=600),
    ]


def path_rows(start: str, rows: list[Row], width: int):
    """The rows drawn below each other: (svg, heights of the stations, the end)."""
    y, parts = 18.0, station(start, 18)
    stations = {start: y}
    for row in (r for r in rows if r.to):
        drawn, end = body(row, y + 16, width)
        last, y = y, max(end + 10, y + 58)
        parts += [f'<line x1="59" x2="59" y1="{last + 13:g}" y2="{y - 20:g}"/>',
                  tip(59, y - 13), *drawn, *station(row.to, y)]  # fmt: skip
        stations[row.to] = y
    y += 30
    for row in (r for r in rows if not r.to):
        parts.append(
            f'<line class="rule" x1="20" x2="{width - 4}" y1="{y:g}" y2="{y:g}"/>'
        )
        drawn, y = body(row, y + 6, width)
        parts += drawn
    return parts, stations, y


def branches(start: float, ends: list[float], x: float) -> list[str]:
    """From one station around the left of the others into each of several."""
    down = f"M20 {start:g}C{x:g} {start:g} {x:g} {start:g} {x:g} {start - 30:g}"
    parts = [f'<path class="back" d="{down}V{min(ends) + 30:g}"/>']
    for end in ends:
        turn = f"M{x:g} {end + 30:g}C{x:g} {end:g} {x:g} {end:g} 14 {end:g}"
        parts += [f'<path class="back" d="{turn}"/>', tip(20, end, "back", turn=-90)]
    return parts


def loop(start: float, end: float, x: float, kind: str) -> list[str]:
    """From one station around the left of the others to an earlier one."""
    down = f"M20 {start:g}C{x:g} {start:g} {x:g} {start:g} {x:g} {start - 30:g}"
    up = f"V{end + 30:g}C{x:g} {end:g} {x:g} {end:g} 14 {end:g}"
    line = f'<path class="{kind}" d="{down}{up}"/>'
    return [line, tip(20, end, kind, turn=-90)]


def svg(parts: list[str], width: int, height: float, alt: str, kind: str) -> str:
    name = html.escape(alt)
    wide = {"map-wide": 860}.get(kind, 460)
    return (
        f'<svg class="viz book-map {kind}" role="group" aria-label="{name}" '
        f'viewBox="0 0 {width} {height:.0f}" style="max-width:{wide}px">'
        + "".join(parts)
        + "</svg>"
    )


def path(start: str, rows: list[Row], back: str, alt: str) -> Iterator[str]:
    """The picture for wide pages and for narrow ones, of which one is shown."""
    for width, kind in ((WIDE, "map-wide"), (NARROW, "map-narrow")):
        parts, at, end = path_rows(start, rows, width)
        parts += loop(at["logits"], at["ids"], 10, "next")
        weights = [at[name] for name in ("vectors", "blocks", "logits")]
        parts += branches(at["update"], [weights[0], weights[1], weights[2] + 8], 3)
        x = RAIL + 6
        parts.append(text(x, at["update"] + 4.5, f"new weights: {back}", "soft"))
        parts.append(text(x, at["logits"] + 4.5, "dashed: the next id", "soft"))
        yield svg(parts, width, end, alt, kind)


def needs(rows: list[tuple[Link, int, set[int]]], alt: str) -> str:
    """Pages in the book's order; an arc leads from each to every page it needs."""
    left, step = 104, 24
    parts = []
    for i, (link, depth, needed) in enumerate(rows):
        y = 16 + step * i
        parts.append(f'<g class="n{i}">{linked(left + 10 * depth, y + 4, link)}</g>')
        for j in sorted(needed):
            top, reach = 16 + step * j, 8 + 88 * ((i - j) / len(rows)) ** 0.6
            x = left - 6 - reach * 1.25
            curve = f"M{left - 5} {y}C{x:g} {y} {x:g} {top} {left - 5} {top}"
            parts.append(f'<path class="arc a{i}" d="{curve}"/>')
    rules = "".join(
        f".needs-map:has(.n{i} a:is(:hover,:focus-visible)) .a{i}"
        "{stroke:var(--viz-orange);stroke-width:2.4;opacity:1}"
        for i in range(len(rows))
    )
    style = f"<style>{rules}</style>"
    height = 16 + step * len(rows)
    return svg([style, *parts], NARROW, height, alt, "needs-map")
