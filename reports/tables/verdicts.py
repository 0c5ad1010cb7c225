"""The verdict on every arm in one compact table."""

from __future__ import annotations

from dataclasses import replace

from ..statistics.arms import Arm
from ..statistics.comparison import Comparison, tolerance
from ..statistics.pairing import looks_skewed, skewness
from ..statistics.summary import Ablation
from ..text import MINUS, NONE, p_value, value_text
from .ablation import best_arms
from .cells import COMPUTE_COLUMN, COMPUTE_NOTE, Cell, Column, Table, compute_cell, linked, meaning, number, value_cell
from .family_notes import bold, look_notes

TITLE = "Verdicts"


def verdict_table(found: Ablation) -> Table:
    """Return a row for each base and for each comparison: n, mean, difference, adjusted p, compute, and the verdict."""
    metric = found.metric
    heads = [Column("Arm"), Column("n", True), Column(metric.label, True)]
    heads += [Column(metric.with_unit("Difference", difference=True), True), Column("Adjusted p", True)]
    heads += [COMPUTE_COLUMN] * found.has_compute + [Column("Verdict")]
    known = {arm.name: arm for arm in found.arms}
    rows, best = [], best_arms(found.arms, metric)
    for base in dict.fromkeys(comparison.base for comparison in found.comparisons):
        rows.append(_row(base, known.get(base), None, found, best))
        own = [comparison for comparison in found.comparisons if comparison.base == base]
        rows += [_row(c.arm, known.get(c.arm), c, found, best) for c in own]
    return Table(TITLE, tuple(heads), tuple(rows), tuple(_notes(found)))


def _row(
    name: str, arm: Arm | None, comparison: Comparison | None, found: Ablation, best: frozenset[str]
) -> tuple[Cell, ...]:
    estimate, metric = arm.estimate if arm else None, found.metric
    cells = [Cell(name, name)]
    cells += [number(estimate.n if estimate else 0)]
    cells += [replace(value_cell(estimate, metric), best=name in best) if estimate else Cell(NONE)]
    if comparison is None:
        cells += [Cell(NONE), Cell(NONE)]
    else:
        difference, p = comparison.estimate.mean, comparison.test.adjusted
        cells += [number(difference, value_text(difference, True, metric)), number(p, p_value(p))]
    if found.has_compute:
        cells += [compute_cell(arm.used) if arm else Cell(NONE)]
    text = comparison.finding if comparison else "base"
    return linked([*cells, Cell(text, text)], tuple(record.run_id for record in arm.used) if arm else ())


def _notes(found: Ablation) -> list[str]:
    margin = next((text for c in found.comparisons if (text := c.verdict.margin_text)), None)
    notes = [
        (
            f"{meaning(found.metric)}; mean over n seeds. {bold(found.metric)} Difference: arm minus the"
            " base above it, paired by seed. Intervals are in the tables below."
        ),
        (
            "Better, worse: the adjusted p is at most 0.05; in a study with declared looks (interim analyses), at most"
            " the level of its look. Undecided does not mean no effect: where a number of seeds is given, a true"
            " difference as large as the observed one would be decided in 80 % of studies with that many."
        ),
    ]
    if margin is None:
        notes.append("No margin is declared ([ablation] margin), so no arm can be found equivalent to its base.")
    else:
        notes.append(
            f"Equivalent: within {margin}, the declared margin, by two one-sided t tests at 0.05, or at the level of"
            " their look, adjusted by Holm. Beyond the margin: Bonferroni's interval lies outside it."
        )
    return [*notes, *skew_notes(found), *look_notes(found.look_progress), *[COMPUTE_NOTE] * found.has_compute]


def skew_notes(found: Ablation) -> list[str]:
    """Return a warning if paired differences look skewed, which violates the sign-flip test's assumption."""
    same = tolerance(found.arms, found.metric)
    every = [(c, list(c.differences.values())) for c in found.comparisons]
    skewed = [(c, skewness(values, same)) for c, values in every if looks_skewed(values, same)]
    if not skewed:
        return []
    named = ", ".join(f"{c.arm} against {c.base} ({f'{skew:+.1f}'.replace('-', MINUS)})" for c, skew in skewed)
    return [
        f"Differences that look skewed (skewness): {named}. The sign-flip test assumes symmetric differences"
        " when there is no effect; where they are not, p is too small: look at the single seeds (docs/statistics.md)."
    ]
