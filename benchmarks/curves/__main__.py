"""Train random configs to the end and write the table of their curves: `make search-curves`.

The engine itself trains them, as ordinary searches without pruning, fifty configs of each problem in turn. Every epoch
is then scored on tasks that no search uses. Finished work is not repeated, so the command may be stopped and started
again at any time.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from study.engine.driver import run_study
from study.stores.home import Home
from study.workers.executors import LocalExecutor
from trainers.data import load

from .judging import judge_all, judged
from .problems import PROBLEMS, study_of
from .table import write_table

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


def run(problem: str, trials: int, home: Home) -> bool:
    """Train and score a problem's first `trials` configs; return False if the command was stopped."""
    config = study_of(problem, trials, home.data)
    workers = LocalExecutor(1, 1, home.logs / config.study.name)
    try:
        last = run_study(config, home, lambda _: None, executor=workers)
    finally:
        workers.close()
    stopped = Stopped()
    judge_all(config, home, problem, load(config.data, home.data), stopped)
    print(f"{problem}: {trials} configs; {last.elapsed:.0f} s", flush=True)
    return not (last.interrupted or stopped())


def main() -> int:
    """Train missing configs and write the tables; return 130 if the command was stopped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--home", type=Path, default=Path("runs"), help="where the studies are (runs)")
    parser.add_argument("--out", type=Path, default=Path("docs/results/curves"), help="where the tables go")
    parser.add_argument("--problem", choices=PROBLEMS, action="append", help="only this one")
    parser.add_argument("--configs", type=int, default=500, help="of each problem (500)")
    parser.add_argument("--table", action="store_true", help="train nothing; write the tables of the finished configs")
    chosen = parser.parse_args()
    home, problems = Home(chosen.home), chosen.problem or list(PROBLEMS)
    home.root.mkdir(parents=True, exist_ok=True)
    rounds = range(ROUND, chosen.configs + ROUND, ROUND)
    turns = [(problem, min(most, chosen.configs)) for most in rounds for problem in problems]
    for problem, trials in [] if chosen.table else turns:
        if not run(problem, trials, home):
            print("Stopped. Run the same command to resume.")
            return 130
    for problem in problems:
        if not judged(home, problem):
            print(f"{problem}: nothing is scored yet")
            continue
        print(f"{problem}: {write_table(home, problem, chosen.out)} configs in {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
