"""A study's facts and runs, with what is computed from them: the source of every page, frame and command."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .document import Report, compose, headline_of
from .records import RunRecord, StudyInfo
from .statistics.summary import Ablation, Search, summarise

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Results:
    """Results of a study; everything is computed once, when it is first asked for.

    Attributes:
        info: facts about the study as a whole.
        records: its runs, with their curves and per-task test accuracies.
    """

    info: StudyInfo
    records: tuple[RunRecord, ...]

    @cached_property
    def summary(self) -> Ablation | Search:
        """Trials of a search; of other studies the arms, with every comparison, change, test and verdict."""
        return summarise(self.records, self.info)

    @cached_property
    def document(self) -> Report:
        """The report's contents. Raises ReportError without runs."""
        return compose(self.records, self.info, self.summary)

    @cached_property
    def headline(self) -> tuple[str, ...]:
        """The sentences at the top of the report: what was found, and how sure it is."""
        return tuple(headline_of(self.records, self.info, self.summary))

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The report's tables as they are shown, by title. Raises ReportError without runs."""
        import pandas as pd

        return {
            table.title: pd.DataFrame(
                [[cell.text for cell in row] for row in table.rows], columns=[column.title for column in table.columns]
            )
            for table in self.document.tables
            if table.columns
        }
