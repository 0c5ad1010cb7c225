"""The report of a study: where it is written, and what the MLflow UI shows of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from reports import records as names
from reports.build import build_report, refuse_others, report_files
from reports.data.follow_up_results import fresh_in
from reports.data.loading import from_files
from reports.data.merging import merge_parts
from reports.links import arm_filters, is_address
from reports.records import ReportError, RunRecord, StudyInfo
from reports.render.tables_json import headline_in
from reports.results import Results
from trainers.errors import InputError
from trainers.fingerprint import MACHINE

from .engine.experiment_note import title_of, write_note
from .engine.views import views_of, write_views
from .looks import looked
from .mlflow_ui.summaries import write_summaries
from .rearranged import rearranged
from .results import load
from .spec.config import StudyConfig
from .spec.searched_space import with_space
from .spec.writing import without_folder
from .stores.connect import open_mlflow
from .stores.home import Home


@dataclass(frozen=True)
class ReportChoices:
    """Where a report is written (None: with the home's reports), beside which paper's table, with links into MLflow or
    without; of a search, with which reports of its promoted trials.

    Raises InputError for an address that no browser opens.
    """

    out: Path | None = None
    paper: str | None = None
    links: bool = True
    ui_address: str | None = None
    """Where the MLflow UI answers, for the links; None: as the home has it."""

    promoted: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if self.ui_address is not None and not is_address(self.ui_address):
            raise InputError(
                f"the address of the MLflow UI must begin with http:// or https://, not {self.ui_address!r}"
            )

    def applied(self, info: StudyInfo) -> StudyInfo:
        """Return the study info with these options. Raises ReportError for a folder without its promoted trials."""
        if self.promoted and info.kind != names.SEARCH:
            raise ReportError(f'--promoted: "{info.name}" is no search, so none of its trials can be promoted')
        for folder in self.promoted:
            found = fresh_in(folder, info.name)
            others = tuple(one for one in info.fresh if one.study not in {new.study for new in found})
            info = replace(info, fresh=(*others, *found))
        info = info if self.paper is None else replace(info, paper=self.paper)
        if self.ui_address:
            info = replace(info, mlflow_address=self.ui_address)
        return info if self.links else replace(info, mlflow_address=None, spec=without_folder(info.spec))


def report_from_store(study: str, home: Home, choices: ReportChoices = ReportChoices()) -> Path:
    """Write the report of a study in `home`; return its page. Raises ReportError if there is no such study."""
    return report_of(study, home, choices)[0]


def report_of(study: str, home: Home, choices: ReportChoices = ReportChoices()) -> tuple[Path, Results]:
    """Write the report of a study in `home`; return its page and its results. Raises ReportError if not found."""
    found = results_of(study, home)
    return write_report(found, home, choices), found


def results_of(study: str, home: Home) -> Results:
    """Return the results of a study in `home`, which counts as a look at them. Raises ReportError if not found."""
    info, records = load(study, home)
    return Results(looked(info, records, home), tuple(records))


def write_report(found: Results, home: Home, choices: ReportChoices = ReportChoices()) -> Path:
    """Write the report of a study in `home`; return its page.

    A report in the home's own folder is also stored in MLflow. Raises ReportError.
    """
    folder = choices.out or _default_folder(home, found.info, found.records)
    page = build_report(found.records, choices.applied(found.info), folder, found.summary)
    if choices.out is None:
        _attach(home, found, page.parent)
    return page


def report_from_files(
    sources: Sequence[Path], home: Home, choices: ReportChoices = ReportChoices(), design: StudyConfig | None = None
) -> Path:
    """Write a report from the files of an earlier one, or of several parts of one ablation; return its page.

    With `design`, it is the report of that ablation, with the runs that it has in common with the sources
    (`study.rearranged`). Raises ReportError if files are missing, or if the parts do not belong together
    (`reports.data.merging`).
    """
    parts = {str(source): from_files(source) for source in sources}
    info, records = rearranged(design, parts) if design else merge_parts(parts, MACHINE)
    info = with_space(info)
    return build_report(records, choices.applied(info), choices.out or _default_folder(home, info, records))


def _default_folder(home: Home, info: StudyInfo, records: Sequence[RunRecord]) -> Path:
    """Return HOME/reports/STUDY; if it is not a report of these runs, it is first renamed to STUDY.1 and so on."""
    folder = home.reports / info.name
    try:
        refuse_others(folder, records, info)
    except ReportError as other:
        numbers = itertools.count(1)
        aside = next(place for n in numbers if not (place := folder.with_name(f"{folder.name}.{n}")).exists())
        try:
            folder.rename(aside)
        except OSError:
            raise other from None
    return folder


def _attach(home: Home, found: Results, folder: Path) -> None:
    """Store the report with the study's parent run, and a summary run for each arm; add views to the UI."""
    client, info = open_mlflow(home), found.info
    for run in client.search_runs([info.experiment_id], f"tags.{names.TAG_ROLE} = '{names.ROLE_STUDY}'", max_results=1):
        for name in report_files(folder):
            client.log_artifact(
                run.info.run_id, str(folder / name), str(PurePosixPath(names.REPORT_FOLDER, name).parent)
            )
        means = write_summaries(client, info, found.summary, run.info.run_id)
        views = views_of(info.kind, info.searched, means, info.measured)
        write_views(client, info.experiment_id, views, arm_filters(found.records, info))
        told = headline_in(folder)
        write_note(client, info.experiment_id, title_of(info.name, info.kind), views, told, run.info.run_id)
