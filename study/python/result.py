"""The result of a study as an object: DataFrames, the best config, the Optuna study, the report."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PosixPath
from typing import TYPE_CHECKING

from reports import records as names
from reports.build import build_report
from reports.data.files import is_export
from reports.data.loading import from_files
from reports.records import ReportError
from reports.results import Results
from reports.statistics.arms import count_reused, count_states
from reports.statistics.summary import Ablation, Search, mean_metric
from reports.tables import frames
from reports.tables.cells import states_text
from reports.text import many, measured
from trainers.error_messages import show
from trainers.errors import InputError
from trainers.method import Config
from trainers.paths import expanded
from trainers.sections import plain

from ..looks import looked
from ..reporting import ReportChoices, report_of
from ..results import load
from ..spec.method_section import method_of
from ..spec.searched_space import with_space
from ..stores.home import Home
from ..stores.read_only import readable
from ..stores.urls import shown
from .arguments import make_home, path_of, refuse_no_text

if TYPE_CHECKING:
    import optuna
    import pandas as pd


class ReportPage(PosixPath):
    """The path of a report's index.html, which a notebook shows as the page itself."""

    def _repr_html_(self) -> str:
        """Return the page in an iframe, so that its styles do not affect the notebook."""
        page = html.escape(self.read_text(encoding="utf-8")) if self.is_file() else html.escape(str(self))
        return f'<iframe srcdoc="{page}" style="width:100%;height:70vh;border:1px solid #ccc"></iframe>'


@dataclass(frozen=True, eq=False, repr=False)
class Result(Results):
    """A snapshot of a study; `mamlab.open` reads it again.

    What the commands print and the report shows: `headline` (its first sentences), `tables` (as shown, by title) and
    `summary`, from which both are made: the trials of a search, or the arms, comparisons and changes of an ablation.
    `runs`, `epochs`, `trials`, `arms`, `comparisons` and `changes` are DataFrames of numbers: accuracies are in [0, 1],
    intervals 95 % (of differences: the last look's level), and unknown values are missing (NaN, NA, None).

    Attributes:
        info: facts about the study as a whole.
        records: its runs, with their curves and per-task test accuracies.
        home: the study's home; None if it was read from a report's folder.
        folder: the report's folder that it was read from; None for results from other tools.
    """

    home: Home | None = None
    folder: Path | None = None

    @property
    def name(self) -> str:
        """The study's name."""
        return self.info.name

    @property
    def kind(self) -> str:
        """Return "search", "ablation" or "train"."""
        return self.info.kind

    @property
    def states(self) -> dict[str, int]:
        """Number of runs by state: complete, pruned, diverged, out_of_memory, failed, interrupted, running, waiting."""
        return count_states(self.records)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the study's stores, including runs missing in MLflow."""
        return (*self.info.notes, *([f"incomplete: {self.info.missing}"] if self.info.missing else []))

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per run (training).

        run_id (MLflow's), name, trial (Optuna's number), arm, seed, state, epochs (finished), best_epoch, val_accuracy
        (of the best epoch), test_accuracy and ensemble_test_accuracy with their standard errors over tasks (_se),
        compute (relative to the base config's whole training), seconds, and params_SETTING for settings that were
        searched or differ between runs.
        """
        return frames.runs_frame(self.records, self.info)

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """One row per epoch of a run: run_id, trial, arm, seed, epoch (from 1), then its metrics as in MLflow.

        train_loss, train_accuracy, val_loss, val_accuracy, val_accuracy_se, outer_lr, epoch_seconds, tasks_per_second.
        """
        return frames.epochs_frame(self.records)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row per trial of a search, by number; empty for other studies.

        trial, rank (1 is the best complete one), state, n (seeds), val_accuracy (mean over seeds of the best epoch's)
        with val_accuracy_low and _high (Student t on the logit scale), held_out_accuracy, test_accuracy, epochs
        (finished), compute and seconds of a run, params_SETTING.
        """
        return frames.trials_frame(self._trials)

    @cached_property
    def arms(self) -> pd.DataFrame:
        """One row per arm of an ablation; empty for other studies.

        arm, metric (that `mean` refers to: test_accuracy, or best_val_accuracy), n (seeds), mean with mean_low and
        mean_high (Student t over seeds on the logit scale), ensemble_mean, compute and seconds of a run.
        """
        return frames.arms_frame(self._arms)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """One row per comparison of an ablation: arm minus base, paired by seed; empty for other studies.

        family, arm, base, metric, n (pairs), difference with difference_low and _high (Student t), p_value (sign
        flips), p_adjusted (step-down maxT within the family), p_holm (by Holm, for comparison), verdict ("better",
        "worse", "equivalent" or "undecided"), finding (the same in words, as printed), seeds_to_decide (estimate for
        an undecided one), p_equivalence (with a margin), cohen_d (of the pairs), share_better (share of the paired
        seeds in which the arm is better) with its interval (Wilson), n_diverged and n_diverged_base (runs excluded
        because they diverged).
        """
        return frames.comparisons_frame(self._arms)

    @cached_property
    def changes(self) -> pd.DataFrame:
        """One row per effect and later value of an ablation with `across`: how much the difference of arm and base
        changes from the first value; empty for other studies.

        family, arm, base (names of the design), setting, from, to, metric, n (seeds that all four runs have), change
        with change_low and _high (Student t), p_value, p_adjusted, p_log_odds (adjusted, of log odds), changes
        (decided, on both scales), finding.
        """
        return frames.changes_frame(self._arms)

    @property
    def best_config(self) -> Config:
        """The config of a search's best complete trial, or of the one training.

        A search's best score is biased upward: retrain the config on fresh seeds before you quote it (`mamlab
        promote`). Raises InputError for an ablation, and if no run is complete.
        """
        if self.kind == names.ABLATION:
            raise InputError(
                f'"{self.name}" is an ablation, which has no best config: see result.comparisons, and'
                " result.config(ARM) for an arm's config"
            )
        if isinstance(self.summary, Search):
            best = [run for trial in self.summary.complete[:1] for run in trial.records]
        else:
            best = [run for run in self.records if run.state == names.COMPLETE]
        if not best:
            raise InputError(
                f'no run of "{self.name}" is complete ({states_text(self.states)}), so there is no best config'
            )
        return method_of(self.info.spec).from_settings(best[0].params)

    @property
    def _trials(self) -> Search:
        return self.summary if isinstance(self.summary, Search) else Search((), (), (), measured=self.info.measured)

    @property
    def _arms(self) -> Ablation:
        found = self.summary if self.kind == names.ABLATION else None
        return found if isinstance(found, Ablation) else Ablation(self.info.measured.tested, (), (), ())

    def config(self, which: int | str) -> Config:
        """Return the config of a trial (by number), an arm (by name) or a run (by run_id). Raises InputError if none
        matches.
        """
        which = plain(which)
        if isinstance(which, bool) or not isinstance(which, int | str):
            raise InputError(f"which: must be the number of a trial, the name of an arm or a run_id, not {show(which)}")
        for record in self.records:
            if which in (record.trial, record.arm, record.run_id):
                if self.info.source:
                    raise InputError(f"{self.info.source} has results without settings, so there are no configs")
                return method_of(self.info.spec).from_settings(record.params)
        arms = [repr(arm) for arm in dict.fromkeys(record.arm for record in self.records) if arm is not None]
        trials = sorted({record.trial for record in self.records if record.trial is not None})
        known = f"arms {', '.join(arms)}" if arms else f"trials {', '.join(map(str, trials))}"
        raise InputError(f'no trial, arm or run {which!r} in "{self.name}"; choose from {known}')

    @property
    def optuna_study(self) -> optuna.Study:
        """The Optuna study, for its plots and importances. Raises InputError if its database is missing."""
        import optuna

        if self.home is None:
            what = f"{self.folder} is a report's folder" if self.folder else "these are results of other tools"
            raise InputError(f"{what}, without Optuna's database; open the study in its home")
        if self.home.optuna_url.startswith("sqlite") and not self.home.optuna_db.is_file():
            raise InputError(
                f"{shown(self.home.optuna_url)} is missing; rebuild it with:"
                f" {self.home.command('doctor', self.name, '--fix')}"
            )
        return optuna.load_study(study_name=self.name, storage=self.home.optuna_url)

    def report(self, out: Path | str | None = None, *, paper: str | None = None, links: bool = True) -> ReportPage:
        """Write the report of the study's current state, and return the path of its page, which a notebook displays.

        Args:
            out: folder to write it to. Default: HOME/reports/NAME; for an opened report folder, that folder unchanged.
            paper: published numbers to show beside these, such as "omniglot-20way-1shot".
            links: link numbers to their runs in the MLflow UI. False: for a report to publish.

        Raises ReportError if there are no runs yet, or the folder contains something else.
        """
        refuse_no_text('the name of a published table, such as "omniglot-20way-1shot"', paper=paper)
        choices = ReportChoices(None if out is None else expanded(path_of("out", out)), paper, links)
        if self.home is not None:
            with readable(self.home) as place:
                return ReportPage(report_of(self.name, place, choices)[0])
        if choices.out is None:
            if self.folder is None:
                raise InputError("out: these results have no home; name a folder for the report, as out=FOLDER")
            return ReportPage(self.folder / "index.html")
        return ReportPage(build_report(self.records, choices.applied(self.info), choices.out, self.summary))

    def __repr__(self) -> str:
        """Return a one-line summary."""
        reused = count_reused(self.records)
        states = states_text(self.states) + (f", {reused} reused" if reused else "")
        counted = f"{many(len(self.records), 'run')} ({states})" if self.records else "no run yet"
        parts = [f"<mamlab.Result {self.name}: {self.kind}, {counted}", *self._short(), *self.notes]
        return "; ".join(filter(None, parts)) + ">"

    def _short(self) -> list[str]:
        metric = self.info.measured
        if self.kind == names.TRAIN:
            shown = (("validation", metric.best_validation), ("test", metric.test))
            means = [(title, mean_metric(self.records, name)) for title, name in shown]
            parts = (f"{title} {metric.words} {measured(mean, metric)}" for title, mean in means if mean is not None)
            return [", ".join(parts)]
        if complete := self._trials.complete:
            best, more = complete[0], complete[0].held_out
            held_out = f" ({measured(more.mean, metric)} held-out)" if more else ""
            return [f"best trial {best.label}, validation {metric.words} {measured(best.value, metric)}{held_out}"]
        if self.kind == names.ABLATION:
            return [f"{len(self.arms)} arms, {many(len(self.comparisons), 'comparison')}"]
        return []

    def _repr_html_(self) -> str:
        """Return the `repr` line, the report's headline, and the main DataFrame."""
        frame = (
            self.trials if self.kind == names.SEARCH else self.comparisons if self.kind == names.ABLATION else self.runs
        )
        table: str = frame.to_html(index=False, max_rows=20, float_format=lambda value: f"{value:.4g}", na_rep="")
        told = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in self.headline) if self.records else ""
        return f"<p>{html.escape(repr(self))}</p><ul>{told}</ul>{table}"


def open_study(
    study: Path | str,
    *,
    home: Path | str | Home | None = None,
    optuna_url: str | None = None,
    mlflow_url: str | None = None,
) -> Result:
    """Return a finished or running study, by its name in the home, or from a report's folder.

    Args:
        study: the name, or the folder.
        home: folder of all outputs. Default: MAMLAB_HOME, or `runs`.
        optuna_url: Optuna's database, instead of MAMLAB_OPTUNA_URL and the home's stores.toml.
        mlflow_url: MLflow's database or server, instead of MAMLAB_MLFLOW_URL and the home's stores.toml.

    Raises ReportError if there is no such study, listing those that exist.
    """
    folder = expanded(path_of("study", study, "the name of a study, or the folder of its report"))
    if is_export(folder):
        info, records = from_files(folder)
        return Result(with_space(info), tuple(records), folder=folder.absolute())
    if isinstance(study, Path) or "/" in str(study):
        raise ReportError(
            f"{folder} is not a report's folder: it has no runs.csv; name a study, or the folder of its report"
        )
    place = home if isinstance(home, Home) else make_home(home, optuna_url, mlflow_url)
    with readable(place) as there:
        info, records = load(str(study), there)
    return Result(looked(info, records, place), tuple(records), home=place)
