"""Epochs that each arm takes to a value on validation data."""

from __future__ import annotations

from ..statistics.estimate import Estimate
from ..statistics.speed import Speed, SpeedRow
from ..statistics.summary import Ablation
from ..text import MINUS, NONE, interval, p_value
from .cells import Cell, Column, Table, number


def speed_table(found: Speed, ablation: Ablation) -> Table:
    """Return a row an arm: n, mean epochs, and the paired difference to the base with its interval and adjusted p."""
    goal = f"{found.value:.5g}{' %' * (ablation.metric.unit == '%')}"
    heads = ("n", "Epochs", "Not reached", "Difference, epochs", f"{ablation.look_progress.confidence} % interval")
    columns = (Column("Arm"), *(Column(title, True) for title in (*heads, "Adjusted p")), Column("Verdict"))
    rows = tuple(_row(one) for one in found.rows)
    notes = (
        (
            f"The first epoch at which a run's validation value is at least as good as {goal}, which every run of the"
            " base reached; a run that did not reach it counts as one epoch beyond its last. Difference: arm minus"
            " base, paired by seed; negative is faster. Adjusted p: as for accuracies, in a family of its own."
        ),
    )
    return Table(f"Epochs to {goal} on validation: {found.family}", columns, rows, notes)


def _row(one: SpeedRow) -> tuple[Cell, ...]:
    cells = [Cell(one.arm, one.arm), number(one.epochs.n), number(one.epochs.mean, f"{one.epochs.mean:.1f}")]
    cells.append(number(one.missed))
    c = one.comparison
    if c is None:
        return (*cells, Cell(NONE), Cell(NONE), Cell(NONE), Cell("base", "base"))
    mean = _tenths(c.estimate.mean)
    word = {"better": "faster", "worse": "slower"}.get(c.verdict.word, c.verdict.word)
    low = Cell(_interval(c.estimate), c.estimate.low)
    return (
        *cells,
        number(c.estimate.mean, mean),
        low,
        number(c.test.adjusted, p_value(c.test.adjusted)),
        Cell(word, word),
    )


def _interval(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return interval(found)
    return f"[{_tenths(found.low)}, {_tenths(found.high)}]"


def _tenths(epochs: float) -> str:
    return f"{epochs:+.1f}".replace("-", MINUS)
