"""Checks for what a dead driver left behind: running runs, unwritten events, the study's own state."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from reports import records

from ..engine.attributes import label_of
from . import fixes
from .disagreement import Disagreement
from .state import StoredStudy, state_of


def abandoned(stored: StoredStudy) -> Iterator[Disagreement]:
    """Trials and runs that are stored as running although no driver runs the study."""
    cause = "but no driver is running"
    ended = {int(run.data.tags[records.TAG_TRIAL]) for run in stored.runs if state_of(run) in records.ENDED}
    for number, trial in stored.trials.items():
        if trial.state.name == "RUNNING" and (stored.several or number not in ended):
            yield Disagreement(
                f"{label_of(trial)}: running in Optuna, {cause}",
                "set back to waiting",
                partial(fixes.set_waiting, stored, trial),
            )
    for run in stored.distinct_runs:
        if state_of(run) in (records.RUNNING, records.WAITING) and not stored.end_of(run):
            yield Disagreement(
                f"{run.info.run_name}: {state_of(run)} in MLflow, {cause}",
                "set to interrupted",
                partial(fixes.set_state, stored, run, records.INTERRUPTED),
            )


def unwritten_events(stored: StoredStudy) -> Iterator[Disagreement]:
    """Events in the journal."""
    if stored.journal.path.exists():
        kept = stored.journal.read()
        events = sum(map(len, kept.values()))
        yield Disagreement(
            f"{events} events of {len(kept)} runs in {stored.journal.path.name} are not written to the stores yet",
            "written to both stores, and the file removed",
            partial(fixes.replay, stored),
        )


def own_state(stored: StoredStudy) -> Iterator[Disagreement]:
    """The study's parent run: running without a driver, or interrupted although nothing is left to run."""
    state, done = state_of(stored.parent), stored.done
    if stored.parent.info.lifecycle_stage == "deleted":
        return
    if state == records.RUNNING or (state == records.INTERRUPTED and done):
        end = records.COMPLETE if done else records.INTERRUPTED
        cause = "but all its runs have ended" if done else "but no driver is running"
        yield Disagreement(
            f"study {stored.name}: {state} in MLflow, {cause}",
            f"set to {end}",
            partial(fixes.set_state, stored, stored.parent, end),
        )
