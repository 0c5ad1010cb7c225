"""Tables of an ablation: a short one for each family of comparisons, then the details of each comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..metric import Metric
from ..statistics.arms import Arm
from ..statistics.comparison import Comparison, tolerance
from ..statistics.estimate import TOO_FEW, Estimate
from ..statistics.noise import NoiseSplit
from ..statistics.pairing import pairing_gain
from ..statistics.summary import Ablation
from ..text import MINUS, NONE, interval, p_value, value_text, with_interval
from .cells import (
    COMPUTE_COLUMN,
    COMPUTE_NOTE,
    Cell,
    Column,
    Table,
    compute_cell,
    difference_cells,
    linked,
    mean_columns,
    mean_interval,
    meaning,
    number,
    states_text,
    value_cell,
)
from .family_notes import bold, coverage_notes, family_notes, level_text

WHOLE_PERCENT = 0.005
"""Half of the last digit of a share without decimals."""


def family_table(ablation: Ablation, family: str) -> Table:
    """Return a family's table: means, and differences from the base with interval and adjusted p."""
    comparisons = ablation.families[family]
    rows = []
    arms = list(dict.fromkeys(name for c in comparisons for name in (c.base, c.arm)))
    known = {arm.name: arm for arm in ablation.arms}
    metric, partly = ablation.metric, _partly_paired(comparisons, known)
    best = best_arms([known[name] for name in arms if name in known], metric)
    by_arm = {c.arm: c for c in comparisons}
    for name in arms:
        cells = (
            _mean_cells(known[name], metric, best)
            if name in known
            else [Cell(name, name), number(0), Cell(NONE), Cell(NONE)]
        )
        compute = [compute_cell(known[name].used) if name in known else Cell(NONE)] * ablation.has_compute
        rows.append((*cells, *_difference_cells(by_arm.get(name), known, partly, metric), *compute))
    titles = ["Pairs", metric.with_unit("Base over these pairs")] * partly
    titles += [metric.with_unit("Difference", difference=True), _level(ablation), "Adjusted p"]
    columns = [Column("Arm"), *mean_columns(metric), *(Column(title, True) for title in titles)]
    columns += [COMPUTE_COLUMN] * ablation.has_compute
    title = family if "." in family.split()[0] else family[:1].upper() + family[1:]  # a setting keeps its name
    return Table(title, tuple(columns), tuple(rows), tuple(family_notes(ablation, comparisons)))


def _level(ablation: Ablation) -> str:
    return level_text(ablation).rpartition(", ")[2] + " interval"


def _partly_paired(comparisons: Sequence[Comparison], known: Mapping[str, Arm]) -> bool:
    """Return whether a comparison has fewer pairs than its arm or its base has runs."""
    return any(
        known[name].estimate.n > len(c.differences) for c in comparisons for name in (c.arm, c.base) if name in known
    )


def best_arms(arms: Sequence[Arm], metric: Metric) -> frozenset[str]:
    """Return the arms with the best mean, including ties. Arms that lost runs are left out: their means are biased."""
    measured = [arm for arm in arms if arm.values and arm.whole]
    if len([arm for arm in arms if arm.values]) < 2 or not measured:
        return frozenset()
    best = max(metric.sign * arm.estimate.mean for arm in measured)
    same = tolerance(measured, metric)
    return frozenset(arm.name for arm in measured if metric.sign * arm.estimate.mean >= best - same)


def _mean_cells(arm: Arm, metric: Metric, best: frozenset[str] = frozenset()) -> list[Cell]:
    found, used = arm.estimate, tuple(record.run_id for record in arm.used)
    mean = replace(value_cell(found, metric), runs=used, best=arm.name in best) if found.n else Cell(NONE)
    every = tuple(record.run_id for record in arm.records)
    return [
        Cell(arm.name, arm.name, every),
        Cell(f"{found.n} ({arm.lost})" if arm.lost else str(found.n), found.n, used),
        mean,
        Cell(interval(found, metric=metric), found.low, used),
    ]


def _difference_cells(
    comparison: Comparison | None, arms: Mapping[str, Arm], partly: bool, metric: Metric
) -> list[Cell]:
    if comparison is None:
        return [Cell(NONE)] * (5 if partly else 3)
    found, runs = comparison.estimate, _pair_runs(comparison, arms)
    base = value_text(comparison.base_mean, metric=metric)
    pairs = [Cell(str(found.n), found.n, runs), Cell(base, comparison.base_mean, runs) if found.n else Cell(NONE)]
    p = Cell(p_value(comparison.test.adjusted), comparison.test.adjusted, runs)
    if not found.n:
        return [*pairs * partly, Cell(NONE), Cell(NONE), p]
    return [
        *pairs * partly,
        *linked(difference_cells(found, metric), runs),
        p,
    ]


def _pair_runs(comparison: Comparison, arms: Mapping[str, Arm]) -> tuple[str, ...]:
    both = [arms[name] for name in (comparison.arm, comparison.base) if name in arms]
    return tuple(record.run_id for arm in both for record in arm.used if record.seed in comparison.differences)


def details_table(ablation: Ablation) -> Table:
    """Return the remaining numbers of every comparison."""
    columns = (
        "n pairs",
        "Bootstrap interval",
        "p",
        "Smallest p",
        "Adjusted p",
        "Holm p",
        "Cohen's d",
        "Better, %",
        "Noise from seeds, %",
        "Correlation",
        "Removed by pairing, %",
    )
    heads = (Column("Arm"), Column("Base"), *(Column(title, True) for title in columns), Column("Diverged"))
    known = {arm.name: arm for arm in ablation.arms}
    rows = tuple(_details_row(c, _pair_runs(c, known), ablation.metric, known) for c in ablation.comparisons)
    notes = (
        (
            "Bootstrap interval: hierarchical (seeds, then their tasks), BCa, 2,000 draws, 95 %, of the same mean"
            " difference; judge by the Student t interval."
        ),
        (
            "p: unadjusted. Smallest p: the smallest value that p, adjusted or not, can take with this number of"
            " pairs. Holm p: Holm's correction (1979), valid under any dependence."
        ),
        (
            "Cohen's d: the mean difference in standard deviations of the paired differences. Better: share of the"
            " paired seeds in which the arm is better than its base, ties count half, with Wilson's 95 % interval."
        ),
        (
            "Noise from seeds: share of the variance of the paired differences that comes from the seeds of training;"
            " the rest comes from the test tasks, and more of these would reduce it. Its 95 % interval is from the F"
            " distribution. Diverged: number of diverged runs of the arm / of the base."
        ),
        (
            "Correlation: of arm and base over seeds. Removed by pairing: share of the variance of an unpaired"
            " difference of means that pairing by seed removed; negative: pairing added variance."
        ),
    )
    return Table("Comparisons in detail", heads, rows, notes)


def _details_row(c: Comparison, runs: tuple[str, ...], metric: Metric, known: Mapping[str, Arm]) -> tuple[Cell, ...]:
    low = Estimate(math.nan, c.bootstrap.low, c.bootstrap.high, len(c.differences)) if c.bootstrap else None
    between = Cell(interval(low, True, metric), low.low, runs) if low else Cell(NONE)
    ps = (c.test.p, c.test.smallest, c.test.adjusted, c.test.holm)
    return (
        Cell(c.arm, c.arm, runs),
        Cell(c.base, c.base),
        Cell(str(len(c.differences)), len(c.differences), runs),
        between,
        *(Cell(p_value(p), p, runs) for p in ps),
        number(c.effect_size, f"{c.effect_size or 0:.2f}".replace("-", MINUS)),
        _share(c.share_better, runs),
        noise_cell(c.noise, runs),
        *_gain(c, known, metric, runs),
        Cell(f"{c.diverged} / {c.base_diverged}", c.diverged),
    )


def _share(found: Estimate, runs: tuple[str, ...]) -> Cell:
    if not found.n or found.low is None or found.high is None:
        return Cell(NONE)
    return Cell(f"{100 * found.mean:.0f} [{100 * found.low:.0f}, {100 * found.high:.0f}]", found.mean, runs)


def _gain(c: Comparison, known: Mapping[str, Arm], metric: Metric, runs: tuple[str, ...]) -> tuple[Cell, Cell]:
    pair = [known[name] for name in (c.arm, c.base) if name in known]
    same = tolerance(pair, metric)
    found = pairing_gain(pair[0].values, pair[1].values, same) if len(pair) == 2 else None
    if found is None:
        return Cell(NONE), Cell(NONE)
    together = Cell(f"{found.correlation:.2f}".replace("-", MINUS), found.correlation, runs)
    return together, Cell(f"{100 * found.removed:.0f}".replace("-", MINUS), found.removed, runs)


def noise_cell(found: NoiseSplit | None, runs: tuple[str, ...]) -> Cell:
    """Return the share of the noise that comes from seeds, in percent, with its interval."""
    if found is None:
        return Cell(NONE)
    share = Estimate(found.share, found.low, found.high, found.seeds).within(0, 1, WHOLE_PERCENT)
    between = f"[{100 * found.low:.0f}, {100 * found.high:.0f}]" if share.ends else f"({TOO_FEW})"
    return Cell(f"{100 * found.share:.0f} {between}", found.share, runs)


def arms_table(ablation: Ablation) -> Table:
    """Return one row per arm: its mean, the ensemble's, its compute, and its runs by state."""
    ensemble = any(arm.ensemble.n for arm in ablation.arms)
    columns = [
        Column("Arm"),
        *mean_columns(ablation.metric),
        *[Column("Ensemble, %", True)] * ensemble,
        *[COMPUTE_COLUMN] * ablation.has_compute,
        Column("Runs by state"),
    ]
    metric = ablation.metric
    best = best_arms(ablation.arms, metric)
    notes = [
        f"{meaning(metric)}.",
        (
            f"Intervals: {mean_interval(metric)}; n counts the seeds with a complete run. With n = 1 there is no"
            f" interval. {bold(metric)}"
        ),
    ]
    notes += ["Ensemble: mean of the logits of the best epochs' weights, on the same test tasks."] * ensemble
    notes += [COMPUTE_NOTE] * ablation.has_compute
    notes += coverage_notes(ablation.arms, metric)
    rows = tuple(_arm_row(arm, metric, best, ensemble, ablation.has_compute) for arm in ablation.arms)
    return Table("Arms", tuple(columns), rows, (*notes, *_dropped_notes(ablation.arms)))


def _arm_row(arm: Arm, metric: Metric, best: frozenset[str], ensemble: bool, compute: bool) -> tuple[Cell, ...]:
    used = tuple(record.run_id for record in arm.used)
    cells = _mean_cells(arm, metric, best)
    if ensemble:
        cells.append(Cell(with_interval(arm.ensemble), arm.ensemble.mean, used) if arm.ensemble.n else Cell(NONE))
    if compute:
        cells.append(compute_cell(arm.used))
    return (*cells, Cell(states_text(arm.counts), len(arm.records) - len(arm.used)))


def _dropped_notes(arms: Sequence[Arm]) -> Iterable[str]:
    """Yield a sentence for each dropped setting and reason, with all the arms concerned."""
    groups: dict[tuple[str, str], list[str]] = {}
    for arm in arms:
        for dropped in arm.dropped.items():
            groups.setdefault(dropped, []).append(arm.name)
    for (path, reason), own in groups.items():
        who = "All arms" if 1 < len(own) == len(arms) else ", ".join(own)
        yield f"{who}: the setting {path} was dropped: it has no effect there{f' ({reason})' if reason else ''}."
