"""Train random configs to the end and write the table of their curves: `make search-curves`.

The engine itself trains them, as ordinary searches without pruning, fifty configs of each problem in turn. Every epoch
is then scored on tasks that no search uses. What the tables have is not trained again, on this machine or another, so
the command may be stopped and started again at any time.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import optuna

from study.engine.driver import run_study
from study.stores.home import Home
from study.workers.executors import LocalExecutor
from trainers.data import load

from .judging import judge_all
from .problems import PROBLEMS, block_of
from .table import add_to_table, known_configs

ROUND = 50
"""Configs of a problem that are trained before the next problem's turn."""


class Stopped:
    """Whether the user asked to stop, between two trainings."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True

    def __call__(self) -> bool:
        return self.asked


def run(problem: str, numbers: Sequence[int], home: Home, out: Path) -> bool:
    """Train and score configs of a problem and add them to its table; return False if the command was stopped."""
    config = block_of(problem, numbers, home)
    workers = LocalExecutor(1, 1, home.logs / config.study.name)
    try:
        last = run_study(config, home, lambda _: None, executor=workers)
    finally:
        workers.close()
    stopped = Stopped()
    judge_all(config, home, load(config.data, home.data), stopped)
    there = add_to_table(config, home, problem, numbers, out)
    print(f"{problem}: {there} configs in {out}; {last.elapsed:.0f} s", flush=True)
    return not (last.interrupted or stopped())


def main() -> int:
    """Train missing configs and add them to the tables; return 130 if the command was stopped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--home", type=Path, default=Path("runs"), help="where the studies are (runs)")
    parser.add_argument("--out", type=Path, default=Path("docs/results/curves"), help="where the tables are")
    parser.add_argument("--problem", choices=PROBLEMS, action="append", help="only this one")
    parser.add_argument("--configs", type=int, default=500, help="of each problem (500)")
    chosen = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    home = Home(chosen.home)
    home.root.mkdir(parents=True, exist_ok=True)
    for first in range(0, chosen.configs, ROUND):
        for problem in chosen.problem or PROBLEMS:
            block = range(first, min(first + ROUND, chosen.configs))
            missing = sorted(set(block) - known_configs(problem, chosen.out))
            if missing and not run(problem, missing, home, chosen.out):
                print("Stopped. Run the same command to resume.")
                return 130
    for problem in chosen.problem or PROBLEMS:
        print(f"{problem}: {len(known_configs(problem, chosen.out))} configs in {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
