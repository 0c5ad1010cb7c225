"""Replay searches over the table of curves and write docs/results/search.md: `make search-efficiency`."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import optuna

from benchmarks.curves.problems import PROBLEMS, study_of

from .methods import DEFAULT, RULES, SAMPLED
from .page import FIGURE, Outcome, figure, page
from .replaying import REPETITIONS, TRAININGS, replays
from .surrogate import Surrogate, searches
from .table import Curves, read_curves

SEARCHES = 60
"""Repetitions with TPE; each takes about a second."""
FEWEST = 100
"""Minimum number of configs of a table that is replayed: a short look needs that many."""
SHOWN = [RULES[0].name, RULES[1].name, RULES[4].name]
TEXTS = Path(__file__).parent


def outcome(problem: str, curves: Curves, repetitions: int, searched: int) -> Outcome:
    """Return the methods' results on a problem; with `searched` repetitions for those that propose new configs."""
    rules = {method.name: replays(curves, method.rule, repetitions) for method in RULES}
    surrogate, config = Surrogate(curves), study_of(problem, 1)
    limit, sampled, default = TRAININGS * curves.full, [], np.empty(0)
    for method in SAMPLED if searched else ():
        found = searches(config, surrogate, method.rule, limit, searched, **method.start)
        print(f"{problem}: {method.name}", flush=True)
        sampled.append((method.name, found))
        default = found if method is DEFAULT else default
    return Outcome(len(curves), rules, sampled, surrogate.errors, surrogate.explained, default)


def main() -> int:
    """Replay and write the page and its figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--curves", type=Path, default=Path("docs/results/curves"), help="where the tables are")
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="where the page goes (docs/results)")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help=f"of each rule ({REPETITIONS})")
    parser.add_argument("--searches", type=int, default=SEARCHES, help=f"by TPE; 0 for none ({SEARCHES})")
    chosen = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    tables = {problem: chosen.curves / f"{problem}.parquet" for problem in PROBLEMS}
    curves = {problem: read_curves(file) for problem, file in tables.items() if file.exists()}
    found = {
        problem: outcome(problem, one, chosen.repetitions, chosen.searches)
        for problem, one in curves.items()
        if len(one) >= FEWEST
    }
    texts = [(TEXTS / name).read_text(encoding="utf-8") for name in ("intro.txt", "conclusions.txt")]
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "search.md").write_text(page(found, *texts), encoding="utf-8")
    (chosen.out / FIGURE).write_text(figure(found, SHOWN), encoding="utf-8")
    print(f"{chosen.out / 'search.md'}: {', '.join(found) or 'no table has enough configs'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
