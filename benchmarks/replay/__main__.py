"""Replay searches over the table of curves and write docs/results/search.md: `make search-efficiency`."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import optuna

from benchmarks.curves.problems import study_of

from .methods import DEFAULT, RULES, SAMPLED, WITHOUT, Method
from .page import FIGURE, Outcome, figure, page
from .portfolio import left_out, tables
from .replaying import REPETITIONS, TRAININGS, replays
from .surrogate import Surrogate, searches
from .table import Curves

SEARCHES = 200
"""Repetitions with TPE; each takes about a second and a half."""
SHOWN = [RULES[at].name for at in (0, 1, 4, 10)]
TEXTS = Path(__file__).parent


def outcome(problem: str, curves: Curves, portfolio: Sequence[int], repetitions: int, searched: int) -> Outcome:
    """Return the methods' results on a problem; with `searched` repetitions for those that propose new configs.

    `portfolio` has the numbers of the configs that some methods try first; without any, those are left out.
    """
    first = {False: list[int](), True: curves.rows(portfolio)}
    rules = {m.name: replays(curves, m.rule, repetitions, first[m.portfolio]) for m in _possible(RULES, portfolio)}
    surrogate, config = Surrogate(curves), study_of(problem, 1)
    limit, sampled, default = TRAININGS * curves.full, [], np.empty(0)
    for method in _possible(SAMPLED, portfolio) if searched else ():
        start = {**method.start, "first": first[method.portfolio]}
        found = searches(config, surrogate, method.rule, limit, searched, **start)
        print(f"{problem}: {method.name}", flush=True)
        sampled.append((method.name, found))
        default = found if method is (DEFAULT if portfolio else WITHOUT) else default
    return Outcome(len(curves), rules, sampled, surrogate.errors, surrogate.explained, default)


def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)


def _possible(methods: Sequence[Method], portfolio: Sequence[int]) -> list[Method]:
    return [method for method in methods if portfolio or not method.portfolio]


def main() -> int:
    """Replay and write the page and its figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--curves", type=Path, default=Path("docs/results/curves"), help="where the tables are")
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="where the page goes (docs/results)")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help=f"of each rule ({REPETITIONS})")
    parser.add_argument("--searches", type=int, default=SEARCHES, help=f"by TPE; 0 for none ({SEARCHES})")
    chosen = parser.parse_args()
    curves = tables(chosen.curves)
    with ProcessPoolExecutor(len(curves), initializer=_quiet) as pool:
        waiting = {
            problem: pool.submit(outcome, problem, one, left_out(curves, problem), chosen.repetitions, chosen.searches)
            for problem, one in curves.items()
        }
        found = {problem: one.result() for problem, one in waiting.items()}
    texts = [(TEXTS / name).read_text(encoding="utf-8") for name in ("intro.txt", "conclusions.txt")]
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "search.md").write_text(page(found, *texts), encoding="utf-8")
    (chosen.out / FIGURE).write_text(figure(found, SHOWN), encoding="utf-8")
    print(f"{chosen.out / 'search.md'}: {', '.join(found) or 'no table has enough configs'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
