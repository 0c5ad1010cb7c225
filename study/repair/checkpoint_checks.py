"""Where the checkpoints of a study and its stores disagree."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from reports import records

from . import fixes
from .disagreement import RESTART, Disagreement
from .state import StoredStudy, state_of


def unread_results(stored: StoredStudy) -> Iterator[Disagreement]:
    """Complete checkpoints whose result the stores lack."""
    for run in stored.distinct_runs:
        folder = stored.folder(run.data.tags[records.TAG_CELL])
        if state_of(run) not in records.ENDED and not stored.end_of(run) and folder.finished:
            yield Disagreement(
                f"{run.info.run_name}: its checkpoint is complete, but its result is in neither database",
                f"{RESTART}; the result is taken over without training",
            )


def missing_epochs(stored: StoredStudy) -> Iterator[Disagreement]:
    """Epochs of a checkpoint that MLflow lacks."""
    for run in stored.distinct_runs:
        if missing := stored.missing(run):
            yield Disagreement(
                f"{run.info.run_name}: MLflow lacks {len(missing)} of {len(stored.history(run))} epochs of its "
                "checkpoint",
                "written into MLflow",
                partial(fixes.write_epochs, stored, run, missing),
            )


def gone_checkpoints(stored: StoredStudy) -> Iterator[Disagreement]:
    """Complete runs whose checkpoint should be in the home and is not; once noted, that is no disagreement any more."""
    if stored.config.execution.keep == "none":
        return
    complete = [run for run in stored.distinct_runs if state_of(run) == records.COMPLETE]
    gone = [
        run
        for run in complete
        if records.TAG_CHECKPOINT not in run.data.tags and not stored.folder(run.data.tags[records.TAG_CELL]).finished
    ]
    if gone:
        names = ", ".join(run.info.run_name for run in gone[:3])
        more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
        yield Disagreement(
            f"{names}{more}: complete, but the checkpoint is not in {stored.home.checkpoints}",
            "recorded as deleted: results stay, and `mamlab export` says how to retrain it (if that folder is on "
            "another disk, mount it first)",
            partial(fixes.note_gone, stored, gone),
        )


def leftover_files(stored: StoredStudy) -> Iterator[Disagreement]:
    """Files of writes that were cut off."""
    for folder in stored.folders:
        if files := folder.leftovers():
            names = ", ".join(file.name for file in files)
            yield Disagreement(
                f"checkpoint {folder.path.name[:12]}: left-over files: {names}", "removed", partial(fixes.remove, files)
            )
