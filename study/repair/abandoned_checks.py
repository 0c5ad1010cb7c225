"""What a driver that died has left: runs that nobody runs, events that were not written, the study's own state."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from reports import records

from ..engine.attributes import label_of
from . import fixes
from .disagreement import Disagreement
from .state import StoredStudy, state_of


def abandoned(stored: StoredStudy) -> Iterator[Disagreement]:
    """What is running in a store although nobody runs it."""
    told = "nobody runs it"
    ended = {int(run.data.tags[records.TAG_TRIAL]) for run in stored.runs if state_of(run) in records.ENDED}
    for number, trial in stored.trials.items():
        if trial.state.name == "RUNNING" and (stored.several or number not in ended):
            yield Disagreement(
                f"{label_of(trial)}: running in Optuna, {told}",
                "set back to waiting",
                partial(fixes.set_waiting, stored, trial),
            )
    for run in stored.distinct_runs:
        if state_of(run) in (records.RUNNING, records.WAITING) and not stored.end_of(run):
            yield Disagreement(
                f"{run.info.run_name}: {state_of(run)} in MLflow, {told}",
                "set to interrupted",
                partial(fixes.set_state, stored, run, records.INTERRUPTED),
            )


def unwritten_events(stored: StoredStudy) -> Iterator[Disagreement]:
    """Events that a driver could not write."""
    if stored.journal.path.exists():
        kept = stored.journal.read()
        events = sum(map(len, kept.values()))
        yield Disagreement(
            f"{events} events of {len(kept)} runs are waiting in {stored.journal.path.name}",
            "written to both databases, and the file removed",
            partial(fixes.replay, stored),
        )


def own_state(stored: StoredStudy) -> Iterator[Disagreement]:
    """The study's own run: running without a driver, or interrupted when nothing is left to run."""
    state, done = state_of(stored.parent), stored.done
    if stored.parent.info.lifecycle_stage == "deleted":
        return
    if state == records.RUNNING or (state == records.INTERRUPTED and done):
        end = records.COMPLETE if done else records.INTERRUPTED
        told = "all its runs have ended" if done else "nobody runs it"
        yield Disagreement(
            f"study {stored.name}: {state} in MLflow, {told}",
            f"set to {end}",
            partial(fixes.set_state, stored, stored.parent, end),
        )
