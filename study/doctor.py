"""Do Optuna, MLflow, the checkpoints and the journal of a study say the same? What does not, and what mends it.

`--fix` mends without training, under the driver's lock, and looks again: what is left then needs a restart, or cannot
be mended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports import records

from . import mending
from .books import Books, read_books, state_of
from .home import Home
from .locks import driver_lock
from .tracking import STATUS
from .trials import LABEL, RESULT, STATE
from .ui import UIError

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

RESTART = "no: start the study again"
ELSEWHERE = "no: train it in a study of another name, which uses its checkpoint"


@dataclass(frozen=True)
class Disagreement:
    """`what` disagrees, and what --fix does; without a `cure`, `way` says what does mend it."""

    what: str
    way: str
    cure: Callable[[], None] | None = None


def diagnose(books: Books) -> list[Disagreement]:
    """Return what disagrees, in the order in which it can be mended.

    While a driver lives, what it is just writing is left out.
    """
    parts = [_doubled, _ends, _lost]
    if not books.driver:
        parts += [_running, _journal, _unread, _epochs, _leftovers]
    return [found for part in parts for found in part(books)]


def mend(home: Home, name: str, found: list[Disagreement]) -> list[Disagreement]:
    """Apply every cure and return what disagrees afterwards."""
    for one in found:
        if one.cure:
            one.cure()
    return diagnose(read_books(home, name, alone=True))


def _doubled(books: Books) -> Iterator[Disagreement]:
    """Runs of one trial and seed: the one that tells most stays."""
    kept: dict[tuple[str, str], Any] = {}
    for run in sorted(books.runs, key=partial(_worth, books), reverse=True):
        if kept.setdefault(_key(run), run) is not run:
            yield Disagreement(
                f"{run.info.run_name}: MLflow has two runs of this trial and seed",
                f"run {run.info.run_id} goes into MLflow's bin, the one with more results stays",
                partial(mending.delete_run, books, run),
            )


def _key(run: Any) -> tuple[str, str]:
    return run.data.tags[records.TAG_TRIAL], run.data.tags[records.TAG_SEED]


def _worth(books: Books, run: Any) -> tuple[bool, int, float]:
    return state_of(run) in records.ENDED, len(books.steps[run.info.run_id]), -run.info.start_time


def _runs(books: Books) -> list[Any]:
    """Return a run for each trial and seed."""
    best: dict[tuple[str, str], Any] = {}
    for run in sorted(books.runs, key=partial(_worth, books)):
        best[_key(run)] = run
    return [best[key] for key in sorted(best)]


def _ends(books: Books) -> Iterator[Disagreement]:
    for run in _runs(books):
        trial, state = books.trial_of(run), state_of(run)
        if trial is None:
            continue
        told = _told(books, trial, run.data.tags[records.TAG_SEED])
        name = run.info.run_name
        if state in records.ENDED and not told and not books.driver:
            yield Disagreement(
                f"{name}: {state} in MLflow, not ended in Optuna",
                f"ended as {state} in Optuna",
                partial(mending.end_in_optuna, books, run, trial),
            )
        elif told and told != state:
            yield _follow_optuna(books, run, state, told)
        elif told and run.info.status != STATUS.get(state):
            yield Disagreement(
                f"{name}: {state}, but MLflow's status is {run.info.status}",
                f"set to {STATUS[state]}",
                partial(mending.set_state, books, run, state),
            )
        elif told == records.COMPLETE and not books.several and trial.value != _score(run):
            yield Disagreement(
                f"{name}: validation accuracy {_score(run)} in MLflow, {trial.value} in Optuna", ELSEWHERE
            )


def _follow_optuna(books: Books, run: Any, state: str, told: str) -> Disagreement:
    end = mending.fitting_end(books, run, told)
    what = f"{run.info.run_name}: {state} in MLflow, {told} in Optuna"
    if end is None:
        return Disagreement(f"{what}, and MLflow lacks its result", ELSEWHERE)
    return Disagreement(what, f"set to {told} in MLflow", partial(mending.set_state, books, run, end))


def _score(run: Any) -> float | None:
    found: float | None = run.data.metrics.get(records.BEST_VAL_ACCURACY)
    return found


def _told(books: Books, trial: FrozenTrial, seed: str) -> str:
    """Return how a run ended by Optuna; empty if it has not."""
    if books.several and RESULT + seed in trial.user_attrs:
        return str(trial.user_attrs[RESULT + seed][0])
    return str(trial.user_attrs.get(STATE, records.FAILED)) if trial.state.is_finished() else ""


def _lost(books: Books) -> Iterator[Disagreement]:
    known = {int(trial) for trial, _ in map(_key, books.runs)}
    for number, trial in books.trials.items():
        if trial.state.is_finished() and number not in known:
            yield Disagreement(f"{_name(trial)}: ended in Optuna, MLflow has no run of it", ELSEWHERE)
    for run in _runs(books):
        if books.trial_of(run) is None:
            yield Disagreement(
                f"{run.info.run_name}: a run in MLflow, Optuna has no trial {int(run.data.tags[records.TAG_TRIAL])}",
                "no: put Optuna's store back from a copy",
            )


def _running(books: Books) -> Iterator[Disagreement]:
    told = "nobody runs it"
    ended = {int(run.data.tags[records.TAG_TRIAL]) for run in books.runs if state_of(run) in records.ENDED}
    for number, trial in books.trials.items():
        if trial.state.name == "RUNNING" and (books.several or number not in ended):
            yield Disagreement(
                f"{_name(trial)}: running in Optuna, {told}",
                "set back to waiting",
                partial(mending.set_waiting, books, trial),
            )
    for run in [*_runs(books), books.parent]:
        if state_of(run) == records.RUNNING and not _ended_in_optuna(books, run):
            name = f"study {books.name}" if run is books.parent else run.info.run_name
            yield Disagreement(
                f"{name}: running in MLflow, {told}",
                "set to interrupted",
                partial(mending.set_state, books, run, records.INTERRUPTED),
            )


def _ended_in_optuna(books: Books, run: Any) -> bool:
    trial = None if run is books.parent else books.trial_of(run)
    return trial is not None and bool(_told(books, trial, run.data.tags[records.TAG_SEED]))


def _journal(books: Books) -> Iterator[Disagreement]:
    if books.journal.path.exists():
        kept = books.journal.read()
        events = sum(map(len, kept.values()))
        yield Disagreement(
            f"{events} events of {len(kept)} runs wait in {books.journal.path.name}",
            "written into both books, the file removed",
            partial(mending.replay, books),
        )


def _unread(books: Books) -> Iterator[Disagreement]:
    for run in _runs(books):
        folder = books.folder(run.data.tags[records.TAG_CELL])
        if state_of(run) not in records.ENDED and not _ended_in_optuna(books, run) and folder.finished:
            yield Disagreement(
                f"{run.info.run_name}: its checkpoint is complete, the books lack its result",
                f"{RESTART}: it is taken over without training",
            )


def _epochs(books: Books) -> Iterator[Disagreement]:
    for run in _runs(books):
        if missing := books.missing(run):
            yield Disagreement(
                f"{run.info.run_name}: MLflow lacks {len(missing)} of {len(books.history(run))} epochs of its checkpoint",
                "written into MLflow",
                partial(mending.write_epochs, books, run, missing),
            )


def _leftovers(books: Books) -> Iterator[Disagreement]:
    for folder in books.folders:
        if files := folder.leftovers():
            names = ", ".join(file.name for file in files)
            yield Disagreement(
                f"checkpoint {folder.path.name[:12]}: left over: {names}", "removed", partial(mending.remove, files)
            )


def _name(trial: FrozenTrial) -> str:
    return str(trial.user_attrs.get(LABEL, f"trial {trial.number}"))


def examine(home: Home, name: str, console: Console, *, fix: bool, as_json: bool) -> int:
    """Print what disagrees in the study `name`, mended if `fix`; return 1 if something is left, else 0.

    Raises UIError for an unknown study, or with `fix` if a driver lives elsewhere; DriverBusy if one lives in this home.
    """
    books = read_books(home, name)
    found = left = [] if fix else diagnose(books)
    if fix:
        with driver_lock(home.locks / f"{name}.lock", name):
            books = read_books(home, name, alone=True)
            if books.driver:
                raise UIError(f'study "{name}" is being run by {books.driver}; stop it there, then --fix')
            found = diagnose(books)
            left = mend(home, name, found)
    mended = [one for one in found if one.what not in {other.what for other in left}] if fix else []
    if as_json:
        rows = [{"what": one.what, "mended": True} for one in mended]
        rows += [{"what": one.what, "mended": False, "fix": one.way} for one in left]
        console.print(
            json.dumps({"study": name, "driver": books.driver, "disagreements": rows}, indent=2),
            soft_wrap=True,
            markup=False,
            highlight=False,
        )
    else:
        _print(name, console, books.driver, mended, left)
    return int(bool(left))


def _print(name: str, console: Console, driver: str, mended: list[Disagreement], left: list[Disagreement]) -> None:
    if driver:
        console.print(
            f"{name} is being run by {driver}: only what has ended is compared.", markup=False, highlight=False
        )
    if not mended and not left:
        console.print(f"{name}: the books, the checkpoints and the journal agree.", markup=False, highlight=False)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("what disagrees", overflow="fold", ratio=3)
    table.add_column("mended" if mended else "--fix", overflow="fold", ratio=2)
    for one in mended:
        table.add_row(Text(one.what), Text(one.way, style="green"))
    for one in left:
        table.add_row(Text(one.what, style="yellow"), Text(one.way))
    console.print(table)
    if mended or not any(one.cure for one in left):
        console.print(f"{len(mended)} mended, {len(left)} left.", highlight=False)
    else:
        console.print(f"Mend it with: mamlab doctor {name} --fix", markup=False, highlight=False)
