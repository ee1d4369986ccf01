"""rows that add up, as a table to read"""

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Row:
    """One part: how often it is there, how much each costs, and why, in letters."""

    part: str
    times: int
    each: int
    formula: str

    @property
    def amount(self) -> int:
        """How often it is there times what each costs."""
        return self.times * self.each


@dataclass(frozen=True)
class Ledger:
    """Rows whose amounts are whole numbers and exact; a notebook shows it as a table.

    `ledger["attention.q"]` is one part, `ledger["attention"]` all that belongs to it.
    A part that this model does without is there with amount 0, and not shown.

    A part that is not there raises a ValueError.
    """

    title: str
    unit: str
    rows: tuple[Row, ...]

    @property
    def total(self) -> int:
        """The sum of all rows, in the ledger's unit."""
        return sum(row.amount for row in self.rows)

    def __getitem__(self, part: str) -> int:
        part = str(part)
        amounts = [
            row.amount
            for row in self.rows
            if row.part == part or row.part.startswith(f"{part}.")
        ]
        if not amounts:
            known = ", ".join(row.part for row in self.rows)
            raise ValueError(f"no part {part!r} in this ledger; there is {known}")
        return sum(amounts)

    def share(self, part: str) -> float:
        """The part's amount as a fraction of the total."""
        return self[part] / self.total if self.total else 0.0

    def markdown(self) -> str:
        """The table in Markdown, for a page."""
        head, *rows, last = ("| " + " | ".join(cells) + " |" for cells in self._cells())
        return "\n".join([head, "| :-- | :-- | --: | --: | --: |", *rows, last])

    def __str__(self) -> str:
        cells = self._cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = (
            f"{part:<{widths[0]}}  {formula:<{widths[1]}}  {times:>{widths[2]}}  "
            f"{amount:>{widths[3]}}  {share:>{widths[4]}}"
            for part, formula, times, amount, share in cells
        )
        return "\n".join([self.title, *(line.rstrip() for line in lines)])

    def _repr_html_(self) -> str:
        head, *rows, last = self._cells()
        sides = ("left", "left", "right", "right", "right")

        def line(cells: tuple[str, ...], tag: str) -> str:
            inside = "".join(
                f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>'
                for cell, side in zip(cells, sides, strict=True)
            )
            return f"<tr>{inside}</tr>"

        body = "".join(line(cells, "td") for cells in rows)
        return (
            f"<table><caption>{escape(self.title)}</caption>"
            f"<thead>{line(head, 'th')}</thead><tbody>{body}</tbody>"
            f"<tfoot>{line(last, 'th')}</tfoot></table>"
        )

    def _cells(self) -> list[tuple[str, ...]]:
        """Heading, a line for each part that is there, the sum."""
        total = self.total
        lines = [("part", "each", "times", self.unit, "share")]
        lines += [
            (
                row.part,
                row.formula,
                f"{row.times:,}",
                f"{row.amount:,}",
                f"{row.amount / total:.1%}",
            )
            for row in self.rows
            if row.amount
        ]
        return [*lines, ("total", "", "", f"{total:,}", "100.0%" if total else "")]
