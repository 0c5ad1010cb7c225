"""Audit tables: the same checkpoints with batch or running statistics, as a single model or an ensemble."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..statistics.arms import Arm
from ..statistics.estimate import Estimate, accuracy_estimate, paired
from ..statistics.summary import Ablation
from ..text import NONE, interval, percent
from .cells import INTERVAL, MEAN_INTERVAL, Cell, Column, Table, linked, number


@dataclass(frozen=True)
class Audited:
    """An arm's audited runs: evaluation variant ("batch.top1") -> seed -> mean accuracy."""

    name: str
    variants: Mapping[str, Mapping[int, float]]
    runs: tuple[str, ...]

    @property
    def seeds(self) -> int:
        """Number of seeds of the variant that most runs have."""
        return max(len(means) for means in self.variants.values())


def audit_tables(ablation: Ablation) -> tuple[Table, ...]:
    """Return a table of accuracies and one of their differences; empty if no run was audited."""
    arms = audited_arms(ablation)
    variants = variants_of(arms)
    if not variants:
        return ()
    top = max(_variant_order(variant)[1] for variant in variants)
    sizes = sorted({min(3, top), top})  # the paper's ensemble of 3 beside the whole one
    wanted = [("batch.top1", "running.top1")]
    wanted += [(f"{norm}.top{size}", f"{norm}.top1") for norm in ("batch", "running") for size in sizes]
    pairs = [(a, b) for a, b in wanted if a != b and a in variants and b in variants]
    levels = Table(
        "Audit: the same checkpoints, measured in other ways",
        (Column("Arm"), Column("n", True), *(Column(f"{spoken(variant)}, %", True) for variant in variants)),
        tuple(
            _row(arm, [accuracy_estimate(list(arm.variants.get(variant, {}).values())) for variant in variants], False)
            for arm in arms
        ),
        (
            (
                "The same checkpoints on the same test tasks. batch: test queries are normalised by their own batch"
                " (transductive, as in all published numbers); running: by running statistics."
            ),
            f"top k: mean of the logits of the k best validation epochs. Intervals: {MEAN_INTERVAL}.",
            *_damaged_notes(ablation),
        ),
    )
    gaps = Table(
        "Audit: differences, points",
        (Column("Arm"), Column("n", True), *(Column(_gap(a, b), True) for a, b in pairs)),
        tuple(
            _row(arm, [paired(arm.variants.get(a, {}), arm.variants.get(b, {})) for a, b in pairs], True)
            for arm in arms
        ),
        (f"Paired by seed. Intervals: {INTERVAL}.",),
    )
    return (levels, gaps) if pairs else (levels,)


def audited_arms(ablation: Ablation) -> list[Audited]:
    """Return the arms with an audited run."""
    return [found for arm in ablation.arms if (found := _audited(arm)).variants]


def variants_of(arms: Sequence[Audited]) -> list[str]:
    """Return the evaluation variants in order."""
    return sorted({variant for arm in arms for variant in arm.variants}, key=_variant_order)


def _audited(arm: Arm) -> Audited:
    variants: dict[str, dict[int, float]] = {}
    runs = []
    for run in arm.used:
        own = {variant: values for variant, values in run.per_task.items() if ".top" in variant and _sound(values)}
        for variant, values in own.items():
            if run.seed is not None:
                variants.setdefault(variant, {})[run.seed] = sum(values) / len(values)
        runs += [run.run_id] * bool(own)
    return Audited(arm.name, variants, tuple(runs))


def _sound(values: Sequence[float]) -> bool:
    return len(values) > 0 and all(map(math.isfinite, values))


def _damaged_notes(ablation: Ablation) -> Iterator[str]:
    """Yield a note on measurements left out because a task's accuracy is not finite."""
    damaged = [
        f"{arm.name}, seed {run.seed} ({spoken(variant)})"
        for arm in ablation.arms
        for run in arm.used
        for variant, values in run.per_task.items()
        if ".top" in variant and len(values) and not _sound(values)
    ]
    if damaged:
        yield f"Left out, because a task's accuracy is not a finite number: {'; '.join(damaged)}."


def _variant_order(variant: str) -> tuple[str, int]:
    norm, _, top = variant.partition(".top")
    return norm, int(top)


def spoken(variant: str) -> str:
    """Return "batch, top 1"."""
    return variant.replace(".top", ", top ")


def _gap(variant: str, other: str) -> str:
    (norm, top), (other_norm, other_top) = _variant_order(variant), _variant_order(other)
    return f"{norm} − {other_norm}, top {top}" if norm != other_norm else f"{norm}, top {top} − top {other_top}"


def _row(arm: Audited, found: Sequence[Estimate], signed: bool) -> tuple[Cell, ...]:
    return linked((Cell(arm.name, arm.name), number(arm.seeds), *(_cell(one, signed) for one in found)), arm.runs)


def _cell(found: Estimate, signed: bool) -> Cell:
    if not found.n:
        return Cell(NONE)
    return Cell(f"{percent(found.mean, signed)} {interval(found, signed) if found.n > 1 else '(n = 1)'}", found.mean)
