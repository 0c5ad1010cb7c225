"""Accuracy against counted work: what a search's better configs cost, and which of them nothing cheaper beats."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from . import records as names
from .summary import Search, Trial, finite, mean_metric
from .svg import BLUE, GREEN, ORANGE, Figure, canvas, style, to_pdf, to_svg
from .tables import WORK_COLUMN, WORK_NOTE, Cell, Column, Table, duration, interval, number, percent, work_cell

TITLE = "Accuracy against work"
LOG_FROM = 4.0
"""Work whose largest value is so many times its smallest is drawn on a log scale."""


def pareto_front(search: Search) -> list[Trial]:
    """Return the complete trials that no other one matches for less work, nor beats for as much: from the cheapest up."""
    found: list[Trial] = []
    for trial in sorted(_with_work(search.complete), key=lambda trial: (_work(trial), -trial.score)):
        if not found or trial.score > found[-1].score:
            found.append(trial)
    return found


def cost_table(search: Search) -> Table | None:
    """Return the trials of the front with work, accuracy and time; None if no run has counted work."""
    front = pareto_front(search)
    if not front:
        return None
    several = any(len(trial.records) > 1 for trial in search.trials)
    heads = [Column("Trial", True), WORK_COLUMN, Column("Validation, %", True)]
    heads += [Column("95 % interval", True), Column("n seeds", True)] if several else []
    rows = tuple(_row(trial, several) for trial in front)
    return Table("Cheapest configs for their accuracy", (*heads, Column("Time", True)), rows, tuple(_notes(search)))


def _row(trial: Trial, several: bool) -> tuple[Cell, ...]:
    runs, seconds = tuple(r.run_id for r in trial.records), mean_metric(trial.records, names.SECONDS)
    cells = [
        Cell(trial.label, trial.number, runs),
        work_cell(trial.records),
        number(trial.value.mean, percent(trial.value.mean)),
    ]
    if several:
        cells += [Cell(interval(trial.value), trial.value.low), number(trial.value.n)]
    return (*cells, number(seconds, None if seconds is None else duration(seconds)))


def _notes(search: Search) -> list[str]:
    spent = math.fsum(value for t in search.trials for r in t.records if (value := finite(r, names.WORK)) is not None)
    stopped = [t for t in search.trials if t.state == names.PRUNED]
    return [
        f"Complete trials that no other one equals with less work (the Pareto front). {WORK_NOTE} Time is of one "
        "training, and depends on the machine and on what ran beside it.",
        f"The whole search took the work of {spent:.3g} trainings of the base; {len(stopped)} of {len(search.trials)} trials were stopped early.",
    ]


def cost_plot(search: Search) -> Figure | None:
    """Draw validation accuracy against work, the front as a line, pruned trials hollow; None below three complete trials."""
    complete, pruned = _with_work(search.complete), _with_work(t for t in search.trials if t.state == names.PRUNED)
    if len(complete) < 3:
        return None
    front = pareto_front(search)
    with style():
        drawing = canvas(9.2, 3.2)
        axes = drawing.add_subplot()
        axes.plot(*_points(complete), linestyle="", marker="o", color=BLUE, label=f"complete ({len(complete)})")
        if pruned:
            axes.plot(
                *_points(pruned), linestyle="", marker="o", markerfacecolor="none", color=ORANGE,
                label=f"pruned ({len(pruned)}), at the work spent",
            )  # fmt: skip
        axes.plot(*_points(front), color=GREEN, drawstyle="steps-post", label="front")
        for trial in front:
            axes.annotate(
                trial.label, (_work(trial), 100 * trial.value.mean), (4, 4), textcoords="offset points", fontsize=8
            )
        axes.set(xlabel="Work, as a multiple of the base config's", ylabel="Validation accuracy, %")
        axes.margins(y=0.12)
        _scale(axes, [_work(trial) for trial in [*complete, *pruned]])
        axes.legend(loc="lower right")
        caption = (
            f"Each dot is a trial (n = {len(complete)} complete); the front joins those that no other one equals with less work. A pruned trial is shown with "
            "its best accuracy so far and the work spent on it. Work: counted operations of a training and its validation."
        )
        text = f"{TITLE}. {caption}"
        return Figure("cost", TITLE, caption, to_svg(drawing, "cost", text), to_pdf(drawing))


def _scale(axes: Axes, work: Sequence[float]) -> None:
    if max(work) < LOG_FROM * min(work):
        return
    axes.set_xscale("log")
    axis = axes.xaxis
    axis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0)))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())


def _with_work(trials: Iterable[Trial]) -> list[Trial]:
    return [t for t in trials if mean_metric(t.records, names.WORK) and not math.isnan(t.score)]


def _work(trial: Trial) -> float:
    found = mean_metric(trial.records, names.WORK)
    assert found is not None
    return found


def _points(trials: Sequence[Trial]) -> tuple[list[float], list[float]]:
    return [_work(trial) for trial in trials], [100 * trial.value.mean for trial in trials]
