"""The tables of an ablation: a short one for each family of comparisons, then all that is known of each comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..records import DIVERGED
from ..statistics.arms import Arm
from ..statistics.comparison import Comparison
from ..statistics.estimate import Estimate, spread, spread_ratio
from ..statistics.noise import NoiseSplit
from ..statistics.permutation import RANDOM_FLIPS
from ..statistics.summary import Ablation
from ..text import NONE, interval, percent, with_interval
from .cells import (
    COMPUTE_COLUMN,
    COMPUTE_NOTE,
    INTERVAL,
    METRIC_MEANINGS,
    METRIC_TITLES,
    Cell,
    Column,
    Table,
    compute_cell,
    linked,
    mean_columns,
    number,
    states_text,
)


def p_value(p: float | None) -> str:
    """Return p with two significant digits, or what it is below."""
    if p is None:
        return NONE
    return f"{p:.2g}" if p >= 0.0001 else "<0.0001"


def family_table(ablation: Ablation, family: str) -> Table:
    """Return the arms of one family beside their base: means, and differences with interval and adjusted p."""
    comparisons = ablation.families[family]
    rows = []
    arms = list(dict.fromkeys(name for c in comparisons for name in (c.base, c.arm)))
    known = {arm.name: arm for arm in ablation.arms}
    best = _best([known[name] for name in arms if name in known])
    by_arm = {c.arm: c for c in comparisons}
    for name in arms:
        cells = (
            _mean_cells(known[name], best) if name in known else [Cell(name, name), number(0), Cell(NONE), Cell(NONE)]
        )
        rows.append((*cells, *_difference_cells(by_arm.get(name), known)))
    columns = [Column("Arm"), *mean_columns(ablation.metric)]
    columns += [Column(title, True) for title in ("Difference, points", "95 % interval", "Holm p")]
    title = family if "." in family.split()[0] else family[:1].upper() + family[1:]  # a setting keeps its name
    return Table(title, tuple(columns), tuple(rows), tuple(_family_notes(ablation, comparisons)))


def _best(arms: Sequence[Arm]) -> str:
    measured = [arm for arm in arms if arm.values]
    return max(measured, key=lambda arm: arm.estimate.mean).name if len(measured) > 1 else ""


def _mean_cells(arm: Arm, best: str = "") -> list[Cell]:
    found, used = arm.estimate, tuple(record.run_id for record in arm.used)
    mean = Cell(percent(found.mean), found.mean, used, best=arm.name == best) if found.n else Cell(NONE)
    every = tuple(record.run_id for record in arm.records)
    return [
        Cell(arm.name, arm.name, every),
        Cell(str(found.n), found.n, used),
        mean,
        Cell(interval(found), found.low, used),
    ]


def _difference_cells(comparison: Comparison | None, arms: Mapping[str, Arm]) -> list[Cell]:
    if comparison is None or not comparison.estimate.n:
        return [Cell(NONE)] * 3
    found, runs = comparison.estimate, _pair_runs(comparison, arms)
    return [
        Cell(percent(found.mean, True), found.mean, runs),
        Cell(interval(found, True), found.low, runs),
        Cell(p_value(comparison.test.adjusted), comparison.test.adjusted, runs),
    ]


def _pair_runs(comparison: Comparison, arms: Mapping[str, Arm]) -> tuple[str, ...]:
    both = [arms[name] for name in (comparison.arm, comparison.base) if name in arms]
    return tuple(record.run_id for arm in both for record in arm.used if record.seed in comparison.differences)


def _family_notes(ablation: Ablation, comparisons: Sequence[Comparison]) -> Iterable[str]:
    size = len(comparisons)
    yield f"{METRIC_TITLES[ablation.metric]}: {METRIC_MEANINGS[ablation.metric]}; mean over n seeds. Bold: the highest mean."
    yield f"Difference: arm minus {comparisons[0].base}, paired by seed (same initial weights, same tasks). Intervals: {INTERVAL}, not corrected for their number."
    yield _p_note(max(comparisons, key=lambda c: len(c.differences)), size)
    lost = [f"{c.arm} {c.diverged}" for c in comparisons if c.diverged]
    lost += [f"{c.base} {c.base_diverged}" for c in comparisons[:1] if c.base_diverged]
    if lost:
        yield f"Diverged runs, which are in no mean: {', '.join(lost)}."
    known = {arm.name: arm for arm in ablation.arms}
    for base in dict.fromkeys(c.base for c in comparisons if c.base not in known or not known[c.base].values):
        yield f"The base arm {base} has no complete run, so there is nothing to compare to it."


def _p_note(most: Comparison, size: int) -> str:
    """Return how p was computed and what it can reach; `most` is the comparison with the most pairs."""
    test, pairs = most.test, len(most.differences)
    how = f"{RANDOM_FLIPS:,} random flips" if test.flips == RANDOM_FLIPS else "all ways to flip the signs"
    text = f"Holm p: sign-flip permutation over seeds ({how}), corrected for the {size} comparison{'s' * (size > 1)} of this table."
    if not pairs:
        return text
    end = "." if test.can_be_significant else ", so nothing here can be significant at 0.05: train more seeds."
    reach = f"{test.smallest_adjusted:.2g}"
    return f"{text} With {pairs} pair{'s' * (pairs > 1)} in each it cannot fall below {reach}{end}"


def details_table(ablation: Ablation) -> Table:
    """Return the other numbers of every comparison."""
    columns = (
        "n pairs",
        "Bootstrap interval",
        "p",
        "Smallest p",
        "Holm p",
        "Smallest Holm p",
        "Better, %",
        "Noise from seeds, %",
    )
    heads = (Column("Arm"), Column("Base"), *(Column(title, True) for title in columns), Column("Diverged"))
    known = {arm.name: arm for arm in ablation.arms}
    rows = tuple(_details_row(c, _pair_runs(c, known)) for c in ablation.comparisons)
    notes = (
        "Bootstrap interval: hierarchical (seeds, then their tasks), BCa, 2,000 draws, 95 %, of the same mean difference; the interval to judge by is Student's t.",
        "Smallest p: what the sign-flip test can reach with this number of pairs, before and after Holm's correction.",
        "Better: share of seeds in which the arm beats its base, ties half (probability of improvement), with Wilson's 95 % interval.",
        "Noise from seeds: part of the variance of a seed's mean difference that more test tasks would not remove, with its 95 % interval (F). Diverged: runs of the arm / of the base.",
    )
    return Table("Comparisons in detail", heads, rows, notes)


def _details_row(c: Comparison, runs: tuple[str, ...]) -> tuple[Cell, ...]:
    low = c.bootstrap
    between = Cell(f"[{percent(low.low, True)}, {percent(low.high, True)}]", low.low, runs) if low else Cell(NONE)
    ps = (c.test.p, c.test.smallest, c.test.adjusted, c.test.smallest_adjusted)
    return (
        Cell(c.arm, c.arm, runs),
        Cell(c.base, c.base),
        Cell(str(len(c.differences)), len(c.differences), runs),
        between,
        *(Cell(p_value(p), p, runs) for p in ps),
        _share(c.improvement, runs),
        _noise(c.noise, runs),
        Cell(f"{c.diverged} / {c.base_diverged}", c.diverged),
    )


def _share(found: Estimate, runs: tuple[str, ...]) -> Cell:
    if not found.n or found.low is None or found.high is None:
        return Cell(NONE)
    return Cell(f"{100 * found.mean:.0f} [{100 * found.low:.0f}, {100 * found.high:.0f}]", found.mean, runs)


def _noise(found: NoiseSplit | None, runs: tuple[str, ...]) -> Cell:
    if found is None:
        return Cell(NONE)
    return Cell(f"{100 * found.share:.0f} [{100 * found.low:.0f}, {100 * found.high:.0f}]", found.share, runs)


def stability_table(ablation: Ablation) -> Table:
    """Return how far the seeds of each arm end from each other, and how that compares to the arm's base."""
    titles = ("n", "Lowest, %", "Highest, %", "Standard deviation, points", "95 % interval")
    heads = (Column("Arm"), *(Column(title, True) for title in titles), Column("Diverged", True), Column("Base"))
    heads += (Column("Ratio to the base's", True), Column("95 % interval", True))
    known = {arm.name: arm for arm in ablation.arms}
    rows = tuple(_stability_row(arm, ablation.against(arm.name), known) for arm in ablation.arms)
    notes = (
        f"{METRIC_TITLES[ablation.metric]} of single seeds, and their standard deviation with its chi-squared interval. Diverged runs are in no number but their own.",
        "Ratio: the arm's standard deviation as a multiple of its base's, over the seeds that both have, with the interval of Morgan and Pitman for pairs. Below 1 the arm is steadier. Both intervals take accuracies for normal.",
    )
    return Table("Stability", heads, rows, notes)


def _stability_row(arm: Arm, comparisons: Sequence[Comparison], known: Mapping[str, Arm]) -> tuple[Cell, ...]:
    values, found = list(arm.values.values()), spread(list(arm.values.values()))
    base = next((known[c.base] for c in comparisons if c.base in known), None)
    ratio = spread_ratio(arm.values, base.values) if base else None
    runs = tuple(record.run_id for record in arm.used)
    cells = [Cell(arm.name, arm.name), Cell(str(found.n), found.n)]
    cells += [number(value, percent(value)) for value in ((min(values), max(values)) if values else (None, None))]
    cells += [number(found.mean, percent(found.mean)), Cell(interval(found) if found.n > 1 else NONE, found.low)]
    cells += [number(arm.counts.get(DIVERGED, 0)), Cell(base.name, base.name) if base else Cell(NONE)]
    cells += [number(ratio.mean, f"{ratio.mean:.2f}"), _ratio_interval(ratio)] if ratio else [Cell(NONE), Cell(NONE)]
    return linked(cells, runs)


def _ratio_interval(found: Estimate) -> Cell:
    if found.low is None or found.high is None:
        return Cell(NONE)
    return Cell(f"[{found.low:.2f}, {found.high:.2f}]", found.low)


def arms_table(ablation: Ablation) -> Table:
    """Return a row an arm: its mean, the ensemble's, its compute, and how its runs ended."""
    ensemble = any(arm.ensemble.n for arm in ablation.arms)
    columns = [
        Column("Arm"),
        *mean_columns(ablation.metric),
        *[Column("Ensemble, %", True)] * ensemble,
        *[COMPUTE_COLUMN] * ablation.has_compute,
        Column("Runs by state"),
    ]
    best = _best(ablation.arms)
    notes = [
        f"{METRIC_TITLES[ablation.metric]}: {METRIC_MEANINGS[ablation.metric]}.",
        f"Intervals: {INTERVAL}; n counts the seeds with a complete run. With n = 1 there is a number and no interval. Bold: the highest mean.",
    ]
    notes += ["Ensemble: mean of the logits of the best epochs' weights, on the same test tasks."] * ensemble
    notes += [COMPUTE_NOTE] * ablation.has_compute
    rows = tuple(_arm_row(arm, best, ensemble, ablation.has_compute) for arm in ablation.arms)
    return Table("Arms", tuple(columns), rows, (*notes, *_dropped_notes(ablation.arms)))


def _arm_row(arm: Arm, best: str, ensemble: bool, compute: bool) -> tuple[Cell, ...]:
    used = tuple(record.run_id for record in arm.used)
    cells = _mean_cells(arm, best)
    if ensemble:
        cells.append(Cell(with_interval(arm.ensemble), arm.ensemble.mean, used) if arm.ensemble.n else Cell(NONE))
    if compute:
        cells.append(compute_cell(arm.used))
    return (*cells, Cell(states_text(arm.counts), len(arm.records) - len(arm.used)))


def _dropped_notes(arms: Sequence[Arm]) -> Iterable[str]:
    """Yield a sentence for each dropped setting and reason, with all the arms that it holds for."""
    groups: dict[tuple[str, str], list[str]] = {}
    for arm in arms:
        for dropped in arm.dropped.items():
            groups.setdefault(dropped, []).append(arm.name)
    for (path, reason), own in groups.items():
        who = "All arms" if 1 < len(own) == len(arms) else ", ".join(own)
        yield f"{who}: the setting {path} was dropped, it has no effect there{f' ({reason})' if reason else ''}."
