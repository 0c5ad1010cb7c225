"""A report as GitHub-style Markdown: pipe tables, and links to the figures beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..document import Report
from ..escaping import markdown as escape
from ..figures.style import Figure
from ..links import is_shared
from ..tables.cells import Cell, Table


def to_markdown(report: Report) -> str:
    """Return the whole report; its figures are expected in figures/. A page on a forge has no links to the reader's
    own machine.
    """
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"# {escape(report.title)}"
    if report.subtitle:
        yield f"\n{escape(report.subtitle)}"
    for sentence in report.headline:
        yield f"\n{escape(sentence)}"
    for section in report.sections:
        yield f"\n## {escape(section.title)}"
        yield from _figures(section.figures[: section.leading])
        for table, notes in section.noted:
            yield f"\n### {escape(table.title)}\n"
            yield from _table(report, table)
            yield from (f"- {escape(note)}" for note in notes)
        yield from _figures(section.figures[section.leading :])
        if section.code:
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", section.code)), default=0))
            yield f"\n{fence}toml\n{section.code.rstrip()}\n{fence}"


def _figures(figures: Sequence[Figure]) -> Iterator[str]:
    for figure in figures:
        yield f"\n![{escape(figure.title)}](figures/{figure.name}.svg)\n"
        yield f"*{escape(figure.title)}.* {escape(figure.caption)}"


def _table(report: Report, table: Table) -> Iterator[str]:
    if table.columns:
        yield _row([escape(column.title) for column in table.columns])
        yield _row(["--:" if column.numeric else ":--" for column in table.columns])
        for row in table.rows:
            yield _row([_cell(report, cell) for cell in row])
        yield ""


def _cell(report: Report, cell: Cell) -> str:
    link = report.link(cell) if is_shared(report.address) else None
    text = f"**{escape(cell.text)}**" if cell.best else escape(cell.text)
    return f"[{text}]({link})" if link else text


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
