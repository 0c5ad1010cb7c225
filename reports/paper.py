"""The published numbers of MAML++ (Antoniou, Edwards, Storkey, "How to train your MAML", ICLR 2019), to stand beside ours.

Omniglot, 20-way: accuracy in percent, standard deviation over the paper's 3 runs where it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .records import ReportError, RunRecord
from .tables import NONE, Cell, number

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
JOINT_ROW = "The paper's row BNWB + BNRS stands beside MAML + BNWB: where queries are normalised by their own batch, as there, BNRS has no effect."
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
"""Setting -> what the paper's Omniglot experiments used."""


@dataclass(frozen=True)
class Paper:
    """One table of the paper; `notes` say which version it is, and where our protocol differs."""

    values: Mapping[str, Value]
    notes: tuple[str, ...]
    column: str = "Paper, % (sd)"

    def cell(self, arm: str) -> Cell:
        """Return the paper's number of the arm of that name."""
        if arm not in self.values:
            return Cell(NONE)
        mean, sd = self.values[arm]
        return number(mean, f"{mean:g}" if sd is None else f"{mean:g} ({sd:g})")


def paper_table(name: str, records: Sequence[RunRecord]) -> Paper:
    """Return the paper's table of that name. Raises ReportError for a name that is none, listing those there are."""
    if name not in NUMBERS:
        raise ReportError(f"paper = {name!r} is not known; choose one of: {', '.join(NUMBERS)}")
    notes = (
        f"Paper: {VERSION}; in parentheses the standard deviation over its 3 runs, which shared one initialisation in the released code. Not an interval.",
        *([JOINT_ROW] if "MAML + BNWB" in NUMBERS[name] else []),
        _differences(name, records),
    )
    return Paper(NUMBERS[name], notes)


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
        f"Differences of the protocol: {'; '.join(found)}."
        if found
        else "No differences among the settings of the protocol that are compared."
    )
