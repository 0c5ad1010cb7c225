"""What a search promised and what other seeds gave: the arms of an ablation that are trials of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..origin import FreshSeeds, Origin, SearchedTrial
from ..statistics.arms import Arm
from ..statistics.estimate import Estimate, accuracy_estimate
from ..statistics.summary import Ablation, best_validation
from ..text import measured, percent, with_interval
from .cells import MEAN_INTERVAL, Cell, Column, Table


@dataclass(frozen=True)
class Promoted:
    """A trial of a search, and the same settings on seeds that the search never saw.

    `trial.score` is the search's validation accuracy: the trial was chosen by it, so it is biased upward. `validation`
    and `result` (the study's primary metric, test accuracy) are not.
    """

    arm: str
    trial: SearchedTrial
    validation: Estimate
    result: Estimate
    runs: tuple[str, ...] = ()


def promoted(found: Ablation, origin: Origin) -> tuple[Promoted, ...]:
    """Return what became of each of the search's trials, best of the search first; an arm without a complete run is
    left out.
    """
    trials = origin.trials
    arms = sorted((a for a in found.arms if a.name in trials and a.values), key=lambda arm: -trials[arm.name].score)
    return tuple(
        Promoted(a.name, trials[a.name], _validation(a), a.estimate, tuple(run.run_id for run in a.used)) for a in arms
    )


def _validation(arm: Arm) -> Estimate:
    return accuracy_estimate([value for run in arm.used if (value := best_validation(run)) is not None])


def promotion_table(found: Ablation, origin: Origin) -> Table | None:
    """Return the search's score of each trial beside what other seeds gave; None while no arm of it is complete."""
    rows = tuple(_row(one) for one in promoted(found, origin))
    if not rows:
        return None
    heads = (
        "Validation in the search, %",
        "Seeds there",
        "Validation on other seeds, %",
        found.metric.label,
    )
    columns = (Column("Arm"), *(Column(head, True) for head in heads))
    notes = (
        (
            f"The trials were chosen by their validation accuracy in the search {origin.search}, which is therefore"
            f" biased upward; on seeds that the search never saw nothing was chosen. Intervals: {MEAN_INTERVAL}."
        ),
    )
    return Table(f"From the search {origin.search}", columns, rows, notes)


def fresh_table(found: Sequence[FreshSeeds]) -> Table | None:
    """Return a search's trials as studies on fresh seeds found them; None without such studies."""
    if not found:
        return None
    heads = ("Validation in the search, %", "Validation on fresh seeds, %", "Test on fresh seeds, %")
    columns = (Column("Trial", True), Column("Study"), Column("Arm"), *(Column(head, True) for head in heads))
    rows = tuple(
        (
            Cell(str(one.trial.number), one.trial.number),
            Cell(one.study),
            Cell(one.arm),
            Cell(f"{percent(one.trial.score)}, n = {one.trial.seeds}", one.trial.score),
            *(
                Cell(with_interval(of_seeds), of_seeds.mean, one.runs, experiment_id=one.experiment_id)
                for of_seeds in (accuracy_estimate(one.validation), accuracy_estimate(one.test))
            ),
        )
        for one in found
    )
    notes = (
        (
            "The trials were chosen by their validation accuracy in this search, which is therefore biased upward; on"
            f" seeds that the search never saw nothing was chosen. Intervals: {MEAN_INTERVAL}. Made by `mamlab promote`"
            " and `mamlab ablate --from`."
        ),
    )
    return Table("The same settings on fresh seeds", columns, rows, notes)


def promotion_lines(found: Ablation, origin: Origin) -> list[str]:
    """Return a line for each trial: its score in the search, and what other seeds gave."""
    metric = found.metric.words
    return [
        f"{one.arm}: validation {measured(one.trial.score)} in the search (n = {one.trial.seeds}, biased upward), "
        f"{with_interval(one.validation)} on other seeds; {metric} there {with_interval(one.result)}"
        for one in promoted(found, origin)
    ]


def _row(one: Promoted) -> tuple[Cell, ...]:
    return (
        Cell(one.arm, one.arm),
        Cell(percent(one.trial.score), one.trial.score),
        Cell(str(one.trial.seeds), one.trial.seeds),
        Cell(with_interval(one.validation), one.validation.mean, one.runs),
        Cell(with_interval(one.result), one.result.mean, one.runs),
    )
