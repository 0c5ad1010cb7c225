"""Rows in, documents out: the statistics, tables, figures and pages of a study.

Imports none of the other packages: a report can be made from the files that a colleague sends. `reports.build` writes
reports, `reports.data.loading` reads records; they are not imported here, so that the names in `reports.records` stay
cheap.
"""

from .records import ReportError, RunRecord, StudyInfo

__all__ = ["ReportError", "RunRecord", "StudyInfo"]
