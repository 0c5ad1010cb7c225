"""The same checkpoints measured in other ways: normalised by the batch or by running statistics, alone or as an ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..statistics.arms import Arm
from ..statistics.estimate import Estimate, estimate, paired
from ..statistics.summary import Ablation
from ..text import NONE, interval, percent
from .cells import INTERVAL, Cell, Column, Table, linked, number


@dataclass(frozen=True)
class _Audited:
    """An arm's runs that were audited: way of measuring ("batch.top1") -> seed -> mean accuracy."""

    name: str
    ways: Mapping[str, Mapping[int, float]]
    runs: tuple[str, ...]

    @property
    def seeds(self) -> int:
        return max(len(means) for means in self.ways.values())


def audit_tables(ablation: Ablation) -> tuple[Table, ...]:
    """Return a table of accuracies and one of their differences; nothing if no run was audited."""
    arms = [found for arm in ablation.arms if (found := _audited(arm)).ways]
    ways = sorted({way for arm in arms for way in arm.ways}, key=_way_order)
    if not ways:
        return ()
    top = max(_way_order(way)[1] for way in ways)
    sizes = sorted({min(3, top), top})  # the paper's ensemble of 3 beside the whole one
    wanted = [("batch.top1", "running.top1")]
    wanted += [(f"{norm}.top{size}", f"{norm}.top1") for norm in ("batch", "running") for size in sizes]
    pairs = [(a, b) for a, b in wanted if a != b and a in ways and b in ways]
    levels = Table(
        "Audit: the same checkpoints, measured in other ways",
        (Column("Arm"), Column("n", True), *(Column(f"{_spoken(way)}, %", True) for way in ways)),
        tuple(_row(arm, [estimate(list(arm.ways.get(way, {}).values())) for way in ways], False) for arm in arms),
        (
            "The same checkpoints on the same test tasks. batch: test queries are normalised by their own batch (transductive, as in all published numbers); running: by running statistics.",
            f"top k: mean of the logits of the k best validation epochs. Intervals: {INTERVAL}.",
        ),
    )
    gaps = Table(
        "Audit: differences, points",
        (Column("Arm"), Column("n", True), *(Column(_gap(a, b), True) for a, b in pairs)),
        tuple(_row(arm, [paired(arm.ways.get(a, {}), arm.ways.get(b, {})) for a, b in pairs], True) for arm in arms),
        (f"Paired by seed. Intervals: {INTERVAL}.",),
    )
    return (levels, gaps) if pairs else (levels,)


def _audited(arm: Arm) -> _Audited:
    ways: dict[str, dict[int, float]] = {}
    runs = []
    for run in arm.used:
        own = {way: values for way, values in run.per_task.items() if ".top" in way and len(values)}
        for way, values in own.items():
            ways.setdefault(way, {})[run.seed or 0] = sum(values) / len(values)
        runs += [run.run_id] * bool(own)
    return _Audited(arm.name, ways, tuple(runs))


def _way_order(way: str) -> tuple[str, int]:
    norm, _, top = way.partition(".top")
    return norm, int(top)


def _spoken(way: str) -> str:
    return way.replace(".top", ", top ")


def _gap(way: str, other: str) -> str:
    (norm, top), (other_norm, other_top) = _way_order(way), _way_order(other)
    return f"{norm} − {other_norm}, top {top}" if norm != other_norm else f"{norm}, top {top} − top {other_top}"


def _row(arm: _Audited, found: Sequence[Estimate], signed: bool) -> tuple[Cell, ...]:
    return linked((Cell(arm.name, arm.name), number(arm.seeds), *(_cell(one, signed) for one in found)), arm.runs)


def _cell(found: Estimate, signed: bool) -> Cell:
    if not found.n:
        return Cell(NONE)
    return Cell(f"{percent(found.mean, signed)} {interval(found, signed) if found.n > 1 else '(n = 1)'}", found.mean)
