"""A search's scores beside the results of the same trials on fresh seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..metric import ACCURACY, Metric
from ..origin import FreshSeeds, Origin, SearchedTrial
from ..statistics.arms import Arm
from ..statistics.estimate import Estimate, metric_estimate
from ..statistics.summary import Ablation, best_validation
from ..text import between, interval, listed, measured, value_text, with_interval, with_unit
from .cells import Cell, Column, Table, mean_interval

MOST_NAMED = 5


@dataclass(frozen=True)
class Promoted:
    """A search's trial and its settings on seeds that the search never saw.

    `trial.score` is the validation accuracy in the search, biased upward because the trial was chosen by it.
    `validation` and `result` (the study's primary metric, test accuracy) are not biased in this way.
    """

    arm: str
    trial: SearchedTrial
    validation: Estimate
    result: Estimate
    runs: tuple[str, ...] = ()


def promoted(found: Ablation, origin: Origin) -> tuple[Promoted, ...]:
    """Return each of the search's trials, best first; an arm without a complete run is left out."""
    trials = origin.trials
    metric = found.measured
    arms = [arm for arm in found.arms if arm.name in trials and arm.values]
    arms.sort(key=lambda arm: trials[arm.name].place(metric.sign))
    return tuple(
        Promoted(a.name, trials[a.name], _validation(a, metric), a.estimate, tuple(run.run_id for run in a.used))
        for a in arms
    )


def _validation(arm: Arm, metric: Metric) -> Estimate:
    values = [value for run in arm.used if (value := best_validation(run, metric)) is not None]
    return metric_estimate(metric, values)


def promotion_table(found: Ablation, origin: Origin) -> Table | None:
    """Return each trial's score in the search beside its results on other seeds; None while no arm is complete."""
    metric = found.measured
    rows = tuple(_row(one, found) for one in promoted(found, origin))
    if not rows:
        return None
    heads = (
        metric.with_unit("Validation in the search"),
        "Seeds there",
        metric.with_unit("Validation on other seeds"),
        found.metric.label,
    )
    columns = (Column("Arm"), *(Column(head, True) for head in heads))
    notes = (f"{_chosen(metric, f'the search {origin.search}')} Intervals: {mean_interval(metric)}.",)
    return Table(f"From the search {origin.search}", columns, rows, notes)


def fresh_table(found: Sequence[FreshSeeds], metric: Metric = ACCURACY) -> Table | None:
    """Return the results of a search's trials in studies on fresh seeds; None without such studies."""
    if not found:
        return None
    titles = ("Test on fresh seeds", "Validation on fresh seeds", "Validation in the search")
    heads = [metric.with_unit(title) for title in titles]
    columns = (Column("Trial", True), Column("Study"), Column("Arm"), *(Column(head, True) for head in heads))
    rows = tuple(
        (
            Cell(str(one.trial.number), one.trial.number),
            Cell(one.study),
            Cell(one.arm),
            *(
                Cell(with_interval(e, metric=metric), e.mean, one.runs, experiment_id=one.experiment_id)
                for e in (metric_estimate(metric, one.test), metric_estimate(metric, one.validation))
            ),
            Cell(f"{value_text(one.trial.score, metric=metric)}, n = {one.trial.seeds}", one.trial.score),
        )
        for one in found
    )
    notes = (
        (
            f"{_chosen(metric, 'this search')} Intervals: {mean_interval(metric)}. Made by `mamlab promote` and"
            " `mamlab ablate --from`."
        ),
    )
    return Table("The same settings on fresh seeds", columns, rows, notes)


def fresh_sentence(found: Sequence[FreshSeeds], metric: Metric = ACCURACY) -> str:
    """Return what the trials of a search reach on fresh seeds, in the order in which it ranked them, and their base:
    of the study that has most of them.
    """
    ranked = sorted(found, key=lambda one: one.trial.place(metric.sign))
    studies = [[one for one in ranked if one.study == study] for study in dict.fromkeys(one.study for one in ranked)]
    own = max(studies, key=len)
    kind = "test" if own[0].test else "validation"
    own = [one for one in own if bool(one.test) == bool(own[0].test)][:MOST_NAMED]
    estimates = [metric_estimate(metric, one.test or one.validation) for one in own]
    first, *others = estimates
    texts = [with_unit(first.mean, metric) + (f" {interval(first, metric=metric)}" if first.ends else "")]
    texts += [with_unit(one.mean, metric) for one in others]
    labelled = [f"{text} (trial {one.trial.number})" for text, one in zip(texts, own, strict=True)]
    base = own[0].base_test if own[0].test else own[0].base_validation
    beside = f"; {own[0].base} {with_unit(metric_estimate(metric, base).mean, metric)}" if base else ""
    who = f"the best {len(own)} trials reach" if others else f"trial {own[0].trial.number} reaches"
    what = listed(labelled) if others else texts[0]
    seeds = between((one.n for one in estimates), "new seed")
    return f"Retrained on {seeds}, {who} a {kind} {metric.words} of {what}{beside}."


def promotion_lines(found: Ablation, origin: Origin) -> list[str]:
    """Return a line for each trial: its score in the search, and its results on other seeds."""
    metric = found.measured
    return [
        f"{one.arm}: validation {measured(one.trial.score, metric)} in the search (n = {one.trial.seeds}, biased"
        f" {metric.biased}), {with_interval(one.validation, metric=metric)} on other seeds; {found.metric.words} there"
        f" {with_interval(one.result, metric=metric)}"
        for one in promoted(found, origin)
    ]


def _row(one: Promoted, found: Ablation) -> tuple[Cell, ...]:
    metric = found.measured
    return (
        Cell(one.arm, one.arm),
        Cell(value_text(one.trial.score, metric=metric), one.trial.score),
        Cell(str(one.trial.seeds), one.trial.seeds),
        Cell(with_interval(one.validation, metric=metric), one.validation.mean, one.runs),
        Cell(with_interval(one.result, metric=metric), one.result.mean, one.runs),
    )


def _chosen(metric: Metric, search: str) -> str:
    return (
        f"The trials were chosen by their validation {metric.words} in {search}, so that value is biased"
        f" {metric.biased}. The other seeds had no part in the choice, so the results on them do not have this bias."
    )
