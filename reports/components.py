"""What the abbreviations of MAML++'s components stand for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .records import RunRecord

NAMES = {
    "MSL": "multi-step loss",
    "DA": "derivative-order annealing",
    "LSLR": "learned per-layer per-step learning rates",
    "CA": "cosine annealing of the outer learning rate",
    "BNRS": "per-step running statistics of batch norm",
    "BNWB": "per-step weights and biases of batch norm",
}
WORD = re.compile(rf"\b({'|'.join(NAMES)})\b")


def spelled_out(sentences: Sequence[str], records: Sequence[RunRecord]) -> list[str]:
    """Return a sentence with the name of each component that `sentences` abbreviate, in their order; none without.

    A word counts only if it is a setting of the runs: in another method CA may be something else.
    """
    settings = {name for record in records for name in record.params}
    found = [word for word in dict.fromkeys(WORD.findall("\n".join(sentences))) if word.lower() in settings]
    return ["; ".join(f"{word}: {NAMES[word]}" for word in found) + "."] if found else []
