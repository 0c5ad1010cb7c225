"""A heading of a report with what stands below it."""

from __future__ import annotations

from dataclasses import dataclass

from .figures.style import Figure
from .tables.cells import Table


@dataclass(frozen=True)
class Section:
    """A heading with tables, figures and verbatim text (`code`) below it; `folded` sections open on a click.

    The first `leading` figures come before the tables, the others after them.
    """

    title: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    code: str = ""
    folded: bool = False
    leading: int = 0

    @property
    def noted(self) -> list[tuple[Table, list[str]]]:
        """Each table with the notes that no table before it has."""
        before = [{note for table in self.tables[:place] for note in table.notes} for place in range(len(self.tables))]
        return [
            (table, [note for note in table.notes if note not in said])
            for table, said in zip(self.tables, before, strict=True)
        ]
