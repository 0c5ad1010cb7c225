"""Choose a portfolio from the tables of curves and print it: `python -m benchmarks.replay.portfolio`.

Config number i is the same in every table. So a portfolio that was chosen on the other problems can be replayed on the
problem that was left out: those very configs were trained there.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.curves.problems import PROBLEMS

from .table import Curves, read_curves

SIZE = 4
"""Number of configs in a portfolio."""
CHOSEN_FROM = 120
"""The portfolio was chosen from the configs below this number, before any table had more in common; so the others show
what the choice is worth.
"""
FEWEST = 100
"""Minimum number of configs of a table that is used."""


def tables(folder: Path) -> dict[str, Curves]:
    """Return the curves of each problem whose table is large enough."""
    files = {problem: folder / f"{problem}.parquet" for problem in PROBLEMS}
    found = {problem: read_curves(file) for problem, file in files.items() if file.exists()}
    return {problem: curves for problem, curves in found.items() if len(curves) >= FEWEST}


def ranks(curves: Curves, configs: Sequence[int]) -> pd.Series:
    """Return the rank of each of `configs` (from 1) by the mean of its seen and judged accuracy at its best epoch; a
    training that diverged ranks last.
    """
    rows = curves.rows(configs)
    worth = [float(np.mean(curves.incumbent(row))) if curves.complete(row) else -1.0 for row in rows]
    return pd.Series(worth, index=list(configs)).rank(ascending=False, method="min")


def choose(problems: Sequence[Curves], size: int = SIZE) -> list[int]:
    """Return the numbers of `size` configs, chosen greedily: each lowers the mean over `problems` of the rank of the
    portfolio's best config the most. Of equal ones, the config with the best mean rank is taken.
    """
    both = shared(problems)
    table = np.array([ranks(curves, both) for curves in problems])
    found = list[int]()
    for _ in range(size):
        best = table[:, found].min(axis=1, initial=np.inf)[:, None]
        order = np.lexsort((table.mean(axis=0), np.minimum(best, table).mean(axis=0)))
        found.append(next(int(column) for column in order if int(column) not in found))
    return [both[column] for column in found]


def shared(problems: Sequence[Curves], most: int | None = None) -> list[int]:
    """Return the numbers of the configs that every table has, below `most`."""
    numbers = set.intersection(*(set(curves.params.index.tolist()) for curves in problems))
    return sorted(number for number in numbers if most is None or number < most)


def left_out(found: Mapping[str, Curves], problem: str | None, most: int | None = CHOSEN_FROM) -> list[int]:
    """Return the portfolio that is chosen on all problems but `problem`, from configs below `most`; empty if there is
    no other.
    """
    in_all = shared(list(found.values()), most)
    others = [curves.only(in_all) for name, curves in found.items() if name != problem]
    return choose(others) if others else []


def main() -> None:
    """Print the portfolio of each problem that is left out, its ranks there, and the one of all problems."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--curves", type=Path, default=Path("docs/results/curves"), help="where the tables are")
    found = tables(parser.parse_args().curves)
    every = shared(list(found.values()))
    for one, other in combinations(found, 2):
        alike = ranks(found[one], every).corr(ranks(found[other], every), method="spearman")
        print(f"{one} and {other}: rank correlation of {len(every)} configs {alike:.3f}")
    for most in (CHOSEN_FROM, None):
        print(f"chosen from {most or 'all'} configs")
        for problem, curves in found.items():
            chosen = left_out(found, problem, most)
            print(
                f"{problem} left out: configs {chosen}; their ranks there, of {len(curves)}: {places(curves, chosen)}"
            )
        chosen = left_out(found, None, most)
        print(f"all of {', '.join(found)}: configs {chosen}")
        for config in chosen:
            own = "; ".join(f"{problem} {places(curves, [config])}" for problem, curves in found.items())
            first = next(iter(found.values()))
            print(f"config {config}, ranks: {own}", first.searched(first.rows([config])[0]))


def places(curves: Curves, configs: Sequence[int]) -> str:
    """Return the ranks of `configs` among all of a table."""
    every = ranks(curves, curves.params.index.tolist())
    return ", ".join(f"{every[config]:.0f}" for config in configs)


if __name__ == "__main__":
    main()
