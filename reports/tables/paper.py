"""Published numbers of MAML++ (Antoniou, Edwards, Storkey, "How to train your MAML", ICLR 2019) for comparison.

Omniglot, 20-way: accuracy in percent, standard deviation over the paper's 3 runs where it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ..records import ReportError, RunRecord
from ..statistics.arms import Arm
from ..statistics.estimate import TOO_FEW, paired
from ..statistics.permutation import SAME, settled
from ..statistics.summary import Ablation
from ..text import MINUS, NONE, interval, percent
from .cells import INTERVAL, MEAN_INTERVAL, Cell, Column, Table, mean_columns, meaning, number

VERSION = 'Antoniou, Edwards and Storkey, "How to train your MAML", ICLR 2019 (the conference version)'
Value = tuple[float, float | None]
NUMBERS: dict[str, dict[str, Value]] = {
    "omniglot-20way-1shot": {
        "MAML": (91.27, 1.07),
        "MAML + MSL": (91.53, 0.69),
        "MAML + DA": (92.3, 0.55),
        "MAML + CA": (93.03, 0.44),
        "MAML + BNWB": (95.35, 0.23),
        "MAML + LSLR": (95.77, 0.38),
        "MAML++": (97.65, 0.05),
    },
    "omniglot-20way-5shot": {"MAML": (98.78, None), "MAML++": (99.33, 0.03)},
}
UNCHECKED = ("MAML + DA", "MAML + CA")
"""Rows whose numbers come from a secondary source only."""
JOINT_ROW = (
    "The paper's row BNWB + BNRS is compared with MAML + BNWB: BNRS has no effect where queries are normalised by their"
    " own batch."
)
PROTOCOL = {
    "budget.epochs": "150",
    "budget.iterations": "500",
    "episodes.tasks": "16",
    "episodes.ways": "20",
    "episodes.queries": "1",
    "inner.steps": "5",
    "inner.lr": "0.1",
    "evaluation.test_tasks": "600",
}
"""Setting -> its value in the paper's Omniglot experiments."""


BASE = "MAML"
FEWEST_RANKED = 3
ORDER_DRAWS = 2000


def paper_table(found: Ablation, name: str) -> Table:
    """Return the arms that are also in a table of the paper, in the paper's order: means, gains over MAML, ranks.

    Raises ReportError for an unknown table, listing the known ones, and for a study with none of its arms.
    """
    if name not in NUMBERS:
        raise ReportError(f"paper = {name!r} is not known; choose one of: {', '.join(NUMBERS)}")
    theirs = NUMBERS[name]
    arms = sorted((arm for arm in found.arms if arm.name in theirs and arm.values), key=lambda arm: theirs[arm.name][0])
    if not arms:
        raise ReportError(
            f"paper = {name!r}: that table of the paper has the arms {', '.join(theirs)}, and no finished arm of this"
            " study is among them, so there is nothing to compare; leave --paper out"
        )
    base = next((arm for arm in arms if arm.name == BASE), None)
    columns = [Column("Arm"), *mean_columns(found.metric)]
    titles = (
        f"Gain over {BASE}, points",
        "95 % interval",
        "Rank",
        "Paper, % (sd)",
        "Paper's gain, points",
        "Paper's rank",
    )
    columns += [Column(title, True) for title in titles]
    ranks = {arm.name: 1 + sum(other.estimate.mean > arm.estimate.mean + SAME for other in arms) for arm in arms}
    rows = tuple(_row(arm, base, ranks[arm.name], theirs, len(arms) - place) for place, arm in enumerate(arms))
    unchecked = [arm.name for arm in arms if arm.name in UNCHECKED]
    notes = (
        (
            f"{meaning(found.metric)}. Gains are paired by seed. Intervals:"
            f" {MEAN_INTERVAL} (of gains: {INTERVAL}). Rank 1 is the highest."
        ),
        (
            f"Paper: {VERSION}; in parentheses the standard deviation over its 3 runs, which shared one initialisation"
            " in the released code. Not an interval."
        ),
        *(
            [
                f"The paper's numbers of {' and '.join(unchecked)} come from a secondary source: check them before you"
                " quote them."
            ]
            if unchecked
            else []
        ),
        *_order_note(arms, [theirs[arm.name][0] for arm in arms]),
        *([JOINT_ROW] if any(arm.name == "MAML + BNWB" for arm in arms) else []),
        _differences(name, [record for arm in arms for record in arm.records]),
    )
    return Table("Beside the paper", tuple(columns), rows, notes)


def _row(arm: Arm, base: Arm | None, rank: int, theirs: Mapping[str, Value], paper_rank: int) -> tuple[Cell, ...]:
    mean, sd = theirs[arm.name]
    ours = tuple(record.run_id for record in arm.used)
    gain = paired(arm.values, base.values) if base and arm is not base else None
    both = ours + tuple(record.run_id for record in base.used) if base else ours
    return (
        Cell(arm.name, arm.name, ours),
        Cell(str(arm.estimate.n), arm.estimate.n, ours),
        Cell(percent(arm.estimate.mean), arm.estimate.mean, ours),
        Cell(interval(arm.estimate), arm.estimate.low, ours),
        Cell(percent(gain.mean, True), gain.mean, both) if gain and gain.n else Cell(NONE),
        Cell(interval(gain, True), gain.low, both) if gain and gain.n else Cell(NONE),
        number(rank),
        number(mean, f"{mean:g}" if sd is None else f"{mean:g} ({sd:g})"),
        (
            number(mean - theirs[BASE][0], percent((mean - theirs[BASE][0]) / 100, True))
            if arm.name != BASE
            else Cell(NONE)
        ),
        number(paper_rank),
    )


def _order_note(arms: Sequence[Arm], theirs: Sequence[float]) -> Iterator[str]:
    """Yield how well the two orders agree: Kendall's tau over the seeds that all arms have, with its interval."""
    seeds = sorted(set.intersection(*(set(arm.values) for arm in arms)))
    if len(arms) < FEWEST_RANKED or len(seeds) < 2:
        return
    values = np.array([[arm.values[seed] for seed in seeds] for arm in arms])
    drawn = np.random.default_rng([3, len(seeds)]).integers(0, len(seeds), (ORDER_DRAWS, len(seeds)))
    low, high = np.quantile(_tau(values[:, drawn].mean(2), theirs), [0.025, 0.975])
    tau = float(_tau(values.mean(1, keepdims=True), theirs)[0])
    shown, least, most = (f"{value:.2f}".replace("-", MINUS) for value in (tau, low, high))
    wide = low == -1 and high == 1
    varies = f" [{least}, {most}]" if low < high and not wide else ""
    how = f"95 % percentile bootstrap over {len(seeds)} seeds, somewhat too narrow with so few"
    without = f"{TOO_FEW} for an interval" if wide else "no variation in a bootstrap over seeds, no interval"
    yield (
        f"Order: Kendall's tau between our means and the paper's over {len(arms)} arms is {shown}{varies} (1: the same"
        f" order, 0: unrelated, {MINUS}1: reversed);"
        f" {how if varies else without}."
    )


def _tau(ours: npt.NDArray[np.float64], theirs: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return Kendall's tau (a) of each column of `ours` [arms, k] with `theirs` [arms]."""
    first, second = np.triu_indices(len(theirs), 1)
    known = np.asarray(theirs)
    agree = np.sign(settled(ours[second] - ours[first])) * np.sign(known[second] - known[first])[:, None]
    found: npt.NDArray[np.float64] = agree.mean(0)
    return found


def _differences(name: str, records: Sequence[RunRecord]) -> str:
    shots = name.rpartition("-")[2].removesuffix("shot")
    theirs = {**PROTOCOL, "episodes.shots": shots}
    found = []
    for path, value in theirs.items():
        ours = sorted({record.params[path] for record in records if path in record.params})
        if ours and ours != [value]:
            found.append(f"{path} {' or '.join(ours)} (paper: {value})")
    data = sorted({record.tags.get("data", "unknown") for record in records})
    found += [] if data == ["omniglot"] else [f"data {' and '.join(data)} (paper: omniglot)"]
    return (
        f"Differences in protocol: {'; '.join(found)}."
        if found
        else "The compared settings of the protocol do not differ."
    )
