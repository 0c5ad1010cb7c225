"""Tables as LaTeX for a paper, with the best value in bold and notes below; needs booktabs and graphicx.

Texts beyond Latin letters need XeLaTeX or LuaLaTeX with a font that has them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..escaping import clean
from ..tables.cells import Cell, Column, Table

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': "''",
    "−": "$-$",
    "–": r"\textendash{}",
    "…": r"\dots{}",
    "·": r"\textperiodcentered{}",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "×": r"$\times$",
    "²": r"\textsuperscript{2}",
    "→": r"$\to$",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
}
"""Brackets and stars are braced: at the start of a row, LaTeX would read them as an option of the row before."""
WIDE = 75
"""A table wider than this many characters is shrunk to the text width (345 pt in LaTeX's article class)."""


def escape(text: str) -> str:
    """Return `text` escaped, including double hyphens, which LaTeX would join to a dash."""
    return "".join(SPECIAL.get(character, character) for character in clean(text)).replace("--", "-{}-")


def to_latex(table: Table) -> str:
    """Return the table as a float with its title as caption and its notes below."""
    return "\n".join(_lines(table)) + "\n"


def _lines(table: Table) -> Iterator[str]:
    wide = _characters(table) > WIDE
    yield r"% Needs \usepackage{booktabs}" + (r" and \usepackage{graphicx}" if wide else "")
    yield r"\begin{table}[tb]"
    yield r"\centering\small"
    yield rf"\caption{{{escape(table.title)}}}"
    yield rf"\label{{tab:{table.name}}}"
    if wide:  # only shrunk: \width is the table's own
        yield r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    yield from _tabular(table)
    if wide:
        yield "}"
    if table.notes:
        yield r"\par\medskip\begin{minipage}{\linewidth}\footnotesize\raggedright"
        yield "\n".join(f"{escape(note)}\\par" for note in table.notes)
        yield r"\end{minipage}"
    yield r"\end{table}"


def _characters(table: Table) -> int:
    """Return the table's width in characters, with two for each gap between columns."""
    rows = [[column.title for column in table.columns], *([cell.text for cell in row] for row in table.rows)]
    return sum(max(map(len, column)) + 2 for column in zip(*rows, strict=True))


def _tabular(table: Table) -> Iterator[str]:
    yield rf"\begin{{tabular}}{{@{{}}{''.join(map(_alignment, table.columns))}@{{}}}}"
    yield r"\toprule"
    yield _row([escape(column.title) for column in table.columns])
    yield r"\midrule"
    for row in table.rows:
        yield _row([_cell(cell) for cell in row])
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _alignment(column: Column) -> str:
    return "r" if column.numeric else "l"


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    return rf"\textbf{{{text}}}" if cell.best else text


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"
