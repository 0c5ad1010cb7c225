"""The portfolio: configs of the space `mamlpp` that were good on several problems, which a search tries first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PORTFOLIO = "portfolio"
"""Its name in [study] enqueue."""
RATES = ("inner.lr", "outer.lr")
"""Settings without which the configs are not known to be good: by default, a space that searches both tries them."""

CONFIGS: tuple[Mapping[str, Any], ...] = (
    {
        "inner.lr": 0.244, "inner.steps": 3, "outer.lr": 0.00551, "bnwb": "off", "da": "off",
        "ca": "on", "ca.period": 0.39, "ca.restart_decay": 0.92, "lslr": "on", "lslr.granularity": "per_layer_per_step",
        "msl": "on", "msl.epochs": 0.97, "msl.schedule": "linear",
    },
    {
        "inner.lr": 0.0746, "inner.steps": 3, "outer.lr": 0.00342, "bnwb": "on", "ca": "off", "da": "off",
        "lslr": "on", "lslr.granularity": "per_layer_per_step", "msl": "on", "msl.epochs": 0.99,
        "msl.schedule": "constant",
    },
    {
        "inner.lr": 0.197, "inner.steps": 3, "outer.lr": 0.00217, "bnwb": "on",
        "ca": "on", "ca.period": 0.27, "ca.restart_decay": 0.83, "da": "on", "da.first_order_epochs": 0.9,
        "lslr": "on", "lslr.granularity": "per_layer", "msl": "on", "msl.epochs": 0.59, "msl.schedule": "constant",
    },
)  # fmt: skip
"""Searched settings by dotted path, positions as shares of the run, rounded.

The first and the last are configs 0 and 49 of the tables of curves in docs/results/curves, trainings of 45 iterations.
They are two of the four that `python -m benchmarks.replay.portfolio` chooses: those that were good with other seeds and
in longer trainings, too. The second is for longer trainings: trial 57 of the search in docs/results/paper_search
(Omniglot, 2,400 iterations), the best of its three trials on fresh seeds.
"""


def portfolio_name(number: int) -> str:
    """Return the name of the config `number`, from 1, by which its trial is known."""
    return f"{PORTFOLIO} {number}"


def portfolio_of(name: str | None) -> str | None:
    """Return "portfolio" for the name of one of its configs, else None."""
    return PORTFOLIO if re.fullmatch(rf"{PORTFOLIO} \d+", name or "") else None
