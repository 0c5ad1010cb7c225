"""Statistics, tables, figures and pages of a study, made from its run records.

Imports none of the other packages, so a report can be made from exported files alone. `reports.build` writes reports
and `reports.data.loading` reads records; neither is imported here, which keeps importing `reports.records` fast.
"""

from .records import ReportError, RunRecord, StudyInfo

__all__ = ["ReportError", "RunRecord", "StudyInfo"]
