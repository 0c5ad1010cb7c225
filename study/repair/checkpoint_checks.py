"""Checks for disagreements between a study's checkpoints and its stores."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from reports import records

from . import fixes
from .disagreement import RESTART, Disagreement
from .state import StoredStudy, state_of


def unread_results(stored: StoredStudy) -> Iterator[Disagreement]:
    """Complete checkpoints whose result is in neither store."""
    for run in stored.distinct_runs:
        folder = stored.folder(run.data.tags[records.TAG_CELL])
        if state_of(run) not in records.ENDED and not stored.end_of(run) and folder.finished:
            yield Disagreement(
                f"{run.info.run_name}: its checkpoint is complete, but its result is in neither store",
                f"{RESTART}; the result is then read from the checkpoint, and nothing is trained again",
            )


def missing_epochs(stored: StoredStudy) -> Iterator[Disagreement]:
    """Epochs that a checkpoint has and MLflow does not."""
    for run in stored.distinct_runs:
        if missing := stored.missing(run):
            yield Disagreement(
                f"{run.info.run_name}: {len(missing)} of the {len(stored.history(run))} epochs in its checkpoint are "
                "missing in MLflow",
                "written to MLflow",
                partial(fixes.write_epochs, stored, run, missing),
            )


def missing_checkpoints(stored: StoredStudy) -> Iterator[Disagreement]:
    """Complete runs whose checkpoint is missing from the home; reported once, then recorded as deleted."""
    if stored.config.execution.keep == "none":
        return
    complete = [run for run in stored.distinct_runs if state_of(run) == records.COMPLETE]
    missing = [
        run
        for run in complete
        if records.TAG_CHECKPOINT not in run.data.tags and not stored.folder(run.data.tags[records.TAG_CELL]).finished
    ]
    if missing:
        names = ", ".join(run.info.run_name for run in missing[:3])
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        yield Disagreement(
            f"{names}{more}: complete, but the checkpoint is not in {stored.home.checkpoints}",
            "recorded as deleted: results are kept, and `mamlab export` says how to retrain it (if that folder is on "
            "another disk, mount it first)",
            partial(fixes.record_missing, stored, missing),
        )


def leftover_files(stored: StoredStudy) -> Iterator[Disagreement]:
    """Partly written files."""
    for folder in stored.folders:
        if files := folder.leftovers():
            names = ", ".join(file.name for file in files)
            yield Disagreement(
                f"checkpoint {folder.path.name[:12]}: leftover files: {names}", "removed", partial(fixes.remove, files)
            )
