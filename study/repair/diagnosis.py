"""Do Optuna, MLflow, the checkpoints and the journal of a study say the same? What does not, and what mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from reports import records
from reports.data.mlflow_runs import key_of

from ..engine.attributes import LABEL, RESULT, STATE
from ..engine.mlflow_runs import STATUS
from . import fixes
from .state import StoredStudy, read_stored, state_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

RESTART = "no: start the study again"
AGAIN = "to run again: the next start takes it from its checkpoint, or trains it"


@dataclass(frozen=True)
class Disagreement:
    """`what` disagrees, and what --fix does; without a `cure`, `remedy` says what does mend it."""

    what: str
    remedy: str
    cure: Callable[[], None] | None = field(default=None, compare=False)


def diagnose(stored: StoredStudy) -> list[Disagreement]:
    """Return what disagrees, in the order in which it can be mended.

    While a driver lives, what it is just writing is left out.
    """
    parts = [_rebuilt, _own_run, _doubled, _ends, _lost, _results]
    if not stored.driver:
        parts += [_running, _journal, _unread, _epochs, _gone, _leftovers, _study]
    return [found for part in parts for found in part(stored)]


def mend(stored: StoredStudy) -> tuple[list[Disagreement], list[Disagreement]]:
    """Apply every cure, and those of what shows only then; return what was mended and what is left."""
    mended: list[Disagreement] = []
    while cures := [one for one in diagnose(stored) if one.cure and one not in mended]:
        for one in cures:
            assert one.cure is not None
            one.cure()
        mended += cures
        stored = read_stored(stored.home, stored.name, alone=True)
    left = diagnose(stored)
    return [one for one in mended if one not in left], left


def _rebuilt(stored: StoredStudy) -> Iterator[Disagreement]:
    if stored.lost is not None:
        yield Disagreement(
            f"{stored.lost.told}; the next start rebuilds it from {stored.lost.runs}",
            f"rebuilt from {stored.lost.runs}",
            partial(fixes.rebuild_trials, stored),
        )


def _own_run(stored: StoredStudy) -> Iterator[Disagreement]:
    if stored.parent.info.lifecycle_stage == "deleted":
        yield Disagreement(
            f"study {stored.name}: its own run is in MLflow's bin",
            "taken out of the bin",
            partial(fixes.take_out, stored, [stored.parent]),
        )


def _doubled(stored: StoredStudy) -> Iterator[Disagreement]:
    """Runs of one trial and seed: the one that tells most stays."""
    kept: dict[tuple[int, int], Any] = {}
    for run in sorted(stored.runs, key=partial(_worth, stored), reverse=True):
        if kept.setdefault(key_of(run), run) is not run:
            yield Disagreement(
                f"{run.info.run_name}: MLflow has two runs of this trial and seed",
                f"run {run.info.run_id} goes into MLflow's bin, the one with more results stays",
                partial(fixes.delete_run, stored, run),
            )


def _worth(stored: StoredStudy, run: Any) -> tuple[bool, int, float]:
    return state_of(run) in records.ENDED, len(stored.steps[run.info.run_id]), -run.info.start_time


def _runs(stored: StoredStudy) -> list[Any]:
    """Return a run for each trial and seed."""
    best: dict[tuple[int, int], Any] = {}
    for run in sorted(stored.runs, key=partial(_worth, stored)):
        best[key_of(run)] = run
    return [best[key] for key in sorted(best)]


def _ends(stored: StoredStudy) -> Iterator[Disagreement]:
    for run in _runs(stored):
        trial, state = stored.trial_of(run), state_of(run)
        if trial is None:
            continue
        told = _told(stored, trial, run.data.tags[records.TAG_SEED])
        name = run.info.run_name
        if state in records.ENDED and not told and not stored.driver:
            yield Disagreement(
                f"{name}: {state} in MLflow, not ended in Optuna",
                f"ended as {state} in Optuna",
                partial(fixes.end_in_optuna, stored, run, trial),
            )
        elif told and told != state:
            yield _follow_optuna(stored, run, state, told)
        elif told and run.info.status != STATUS.get(state):
            yield Disagreement(
                f"{name}: {state}, but MLflow's status is {run.info.status}",
                f"set to {STATUS[state]}",
                partial(fixes.set_state, stored, run, state),
            )
        elif told == records.COMPLETE and not stored.several and trial.value != _score(run):
            yield Disagreement(
                f"{name}: validation accuracy {_score(run)} in MLflow, {trial.value} in Optuna",
                AGAIN,
                partial(fixes.run_again, stored, [trial.number]),
            )


def _follow_optuna(stored: StoredStudy, run: Any, state: str, told: str) -> Disagreement:
    end = fixes.fitting_end(stored, run, told)
    what = f"{run.info.run_name}: {state} in MLflow, {told} in Optuna"
    if end is None:
        again = partial(fixes.run_again, stored, [key_of(run)[0]])
        return Disagreement(f"{what}, and MLflow lacks its result", AGAIN, again)
    return Disagreement(what, f"set to {told} in MLflow", partial(fixes.set_state, stored, run, end))


def _score(run: Any) -> float | None:
    found: float | None = run.data.metrics.get(records.BEST_VAL_ACCURACY)
    return found


def _told(stored: StoredStudy, trial: FrozenTrial, seed: str) -> str:
    """Return how a run ended by Optuna; empty if it has not."""
    if stored.several and RESULT + seed in trial.user_attrs:
        return str(trial.user_attrs[RESULT + seed][0])
    return str(trial.user_attrs.get(STATE, records.FAILED)) if trial.state.is_finished() else ""


def _lost(stored: StoredStudy) -> Iterator[Disagreement]:
    known = set(map(key_of, stored.runs))
    for number, trial in stored.trials.items():
        lost = [seed for seed in stored.seeds(trial) if (number, seed) not in known]
        if not lost or not trial.state.is_finished():
            continue
        if all((number, seed) in stored.deleted_runs for seed in lost):
            yield Disagreement(
                f"{_name(trial)}: ended in Optuna, its run is in MLflow's bin",
                "taken out of the bin",
                partial(fixes.take_out, stored, [stored.deleted_runs[number, seed] for seed in lost]),
            )
        else:
            yield Disagreement(
                f"{_name(trial)}: ended in Optuna, MLflow has no run of it",
                AGAIN,
                partial(fixes.run_again, stored, [number]),
            )
    others = {trial.number for trial in stored.others if trial.state.is_finished()}
    for run in _runs(stored):
        number = key_of(run)[0]
        if stored.trial_of(run) is None and number in others:
            yield Disagreement(
                f"{run.info.run_name}: another tool has ended trial {number} in Optuna",
                f"{RESTART}: another trial takes its place",
            )
        elif stored.trial_of(run) is None and not (stored.lost and number in stored.lost.trials):
            yield Disagreement(
                f"{run.info.run_name}: a run in MLflow, Optuna has no trial {number}",
                f"no: nothing made it; delete run {run.info.run_id} in the MLflow UI",
            )


def _results(stored: StoredStudy) -> Iterator[Disagreement]:
    """Complete runs of which MLflow lacks what a report needs, and what no checkpoint can write back."""
    for run in _runs(stored):
        if state_of(run) != records.COMPLETE or stored.trial_of(run) is None:
            continue
        there = {file.path for file in stored.client.list_artifacts(run.info.run_id)}
        lacking = [name for name in records.RESULT_FILES if name not in there]
        if not stored.steps[run.info.run_id] and not stored.history(run):
            lacking.insert(0, "its curves")
        if lacking:
            yield Disagreement(
                f"{run.info.run_name}: complete, and MLflow lacks {', '.join(lacking)}",
                AGAIN,
                partial(fixes.run_again, stored, [key_of(run)[0]]),
            )


def _running(stored: StoredStudy) -> Iterator[Disagreement]:
    told = "nobody runs it"
    ended = {int(run.data.tags[records.TAG_TRIAL]) for run in stored.runs if state_of(run) in records.ENDED}
    for number, trial in stored.trials.items():
        if trial.state.name == "RUNNING" and (stored.several or number not in ended):
            yield Disagreement(
                f"{_name(trial)}: running in Optuna, {told}",
                "set back to waiting",
                partial(fixes.set_waiting, stored, trial),
            )
    for run in _runs(stored):
        if state_of(run) in (records.RUNNING, records.WAITING) and not _ended_in_optuna(stored, run):
            yield Disagreement(
                f"{run.info.run_name}: {state_of(run)} in MLflow, {told}",
                "set to interrupted",
                partial(fixes.set_state, stored, run, records.INTERRUPTED),
            )


def _study(stored: StoredStudy) -> Iterator[Disagreement]:
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


def _ended_in_optuna(stored: StoredStudy, run: Any) -> bool:
    trial = stored.trial_of(run)
    return trial is not None and bool(_told(stored, trial, run.data.tags[records.TAG_SEED]))


def _journal(stored: StoredStudy) -> Iterator[Disagreement]:
    if stored.journal.path.exists():
        kept = stored.journal.read()
        events = sum(map(len, kept.values()))
        yield Disagreement(
            f"{events} events of {len(kept)} runs wait in {stored.journal.path.name}",
            "written into both stores, the file removed",
            partial(fixes.replay, stored),
        )


def _unread(stored: StoredStudy) -> Iterator[Disagreement]:
    for run in _runs(stored):
        folder = stored.folder(run.data.tags[records.TAG_CELL])
        if state_of(run) not in records.ENDED and not _ended_in_optuna(stored, run) and folder.finished:
            yield Disagreement(
                f"{run.info.run_name}: its checkpoint is complete, the stores lack its result",
                f"{RESTART}: it is taken over without training",
            )


def _epochs(stored: StoredStudy) -> Iterator[Disagreement]:
    for run in _runs(stored):
        if missing := stored.missing(run):
            yield Disagreement(
                f"{run.info.run_name}: MLflow lacks {len(missing)} of {len(stored.history(run))} epochs of its checkpoint",
                "written into MLflow",
                partial(fixes.write_epochs, stored, run, missing),
            )


def _gone(stored: StoredStudy) -> Iterator[Disagreement]:
    """Complete runs whose checkpoint should be in the home and is not; once noted, that is no disagreement any more."""
    if stored.config.execution.keep == "none":
        return
    complete = [run for run in _runs(stored) if state_of(run) == records.COMPLETE]
    gone = [run for run in complete if records.TAG_CHECKPOINT not in run.data.tags and not _kept(stored, run)]
    if gone:
        names = ", ".join(run.info.run_name for run in gone[:3])
        more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
        yield Disagreement(
            f"{names}{more}: complete, the checkpoint is not in {stored.home.checkpoints}",
            "noted as gone: results stay, `mamlab export` says how to train it again (if that folder is another disk, mount it first)",
            partial(fixes.note_gone, stored, gone),
        )


def _kept(stored: StoredStudy, run: Any) -> bool:
    return stored.folder(run.data.tags[records.TAG_CELL]).finished


def _leftovers(stored: StoredStudy) -> Iterator[Disagreement]:
    for folder in stored.folders:
        if files := folder.leftovers():
            names = ", ".join(file.name for file in files)
            yield Disagreement(
                f"checkpoint {folder.path.name[:12]}: left over: {names}", "removed", partial(fixes.remove, files)
            )


def _name(trial: FrozenTrial) -> str:
    return str(trial.user_attrs.get(LABEL, f"trial {trial.number}"))
