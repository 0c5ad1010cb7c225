"""Compute that a search needs to find as much as random search: `python -m benchmarks.search_efficiency`.

Two small problems and one space, fixed in advance. Four methods run 5 times each, with different seeds: random search
without pruning, TPE without pruning, and the default of a spec file without [sampler] and [pruner], without and with a
portfolio. The portfolio is not the one that ships, which was chosen on these problems, too, but the one that
`benchmarks.replay.portfolio` chooses on the other problems. The four searches of a repetition share seed, tasks and
initial weights. Compute is counted (`trainers.flops`), including trainings that a pruner stopped. The target is the
best of random search's full budget; the ratio is the compute after which a method's mean best reaches it.

The searches are ordinary studies. Finished work is not repeated, so the command may be stopped and started again at any
time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from reports import records as names
from reports.records import RunRecord
from reports.statistics.summary import best_validation, in_order
from study.engine.driver import run_study
from study.engine.progress import StudyProgress
from study.spec.config import StudyConfig
from study.spec.parsing import parse_spec
from study.stores.home import Home
from study.warm_start import warm_started
from study.workers.executors import LocalExecutor

from .replay.portfolio import left_out, tables
from .search_efficiency_page import write_page
from .search_efficiency_statistics import REPETITIONS, Curve, curve_of

TRIALS = {"random": 30, "tpe": 30, "halving": 60, "default": 60}
"""Trials per search. A pruned search has more, because it saves compute; its trials beyond random search's compute
appear only in the figure.
"""
METHODS = {
    "random": '[sampler]\nname = "random"\n[pruner]\nname = "none"',
    "tpe": '[sampler]\nname = "tpe"\n[pruner]\nname = "none"',
    "halving": "",
    "default": "",
}
DATA = {"glyphs": 'source = "glyphs"', "omniglot": 'source = "omniglot"'}
TRIALS_FILE = "search_repetitions.parquet"
"""Every trial of the finished searches, with its compute and accuracies."""
SPEC = """
[study]
name = "efficiency-{problem}-{method}-{repetition}"
seed = {repetition}
enqueue = {enqueue}
[data]
{data}
[trainer]
preset = "mamlpp"
episodes = {{ ways = 5, shots = 1, queries = 2, tasks = 4 }}
model.filters = 8
budget = {{ epochs = 9, iterations = 5 }}
evaluation = {{ val_tasks = 32, top_k = 1 }}
tasks_at_once = 4
device = "cpu"
[space]
preset = "mamlpp"
[space."inner.steps"]
low = 1
high = 3
{parts}
[budget]
trials = {trials}
[execution]
workers = 1
"""


def study_of(problem: str, method: str, repetition: int, portfolio: Path | None = None) -> StudyConfig:
    """Return one search; `portfolio` is the CSV file of the configs that the default tries first."""
    first = f'[{{ csv = "{portfolio}" }}]' if method == "default" and portfolio else "[]"
    text = SPEC.format(
        problem=problem, method=method, repetition=repetition, data=DATA[problem], parts=METHODS[method],
        trials=TRIALS[method], enqueue=first,
    )  # fmt: skip
    return parse_spec(text)


def write_portfolio(problem: str, curves: Path, folder: Path) -> Path:
    """Write the configs of the portfolio that was chosen on the other problems' `curves`; return the CSV file."""
    found = tables(curves)
    one = found[problem]
    file = folder.resolve() / f"portfolio-for-{problem}.csv"
    pd.DataFrame([one.searched(row) for row in one.rows(left_out(found, problem))]).to_csv(file, index=False)
    return file


def curves(home: Home, problem: str, commits: set[str], trials: list[dict[str, Any]]) -> dict[str, list[Curve]]:
    """Return the best value against compute of each finished search, by method, one repetition after the other.

    A repetition that lacks a search is left out. The commits at which the searches ran are added to `commits`, and
    their trials, which the curves follow from, to `trials`.
    """
    from reports.records import ReportError
    from reports.statistics.summary import summarise_search
    from study.results import load

    found: dict[str, list[Curve]] = {method: [] for method in METHODS}
    for repetition in range(REPETITIONS):
        row = {}
        for method in METHODS:
            try:
                info, records = load(study_of(problem, method, repetition).study.name, home)
            except ReportError:
                break
            if len(ended := [record for record in records if names.COMPUTE in record.metrics]) >= TRIALS[method]:
                best = summarise_search(records, info).trials[0].held_out
                row[method] = replace(curve_of(ended), held_out=best.score if best else None)
                search = {"problem": problem, "method": method, "repetition": repetition}
                trials += [search | raw(record) for record in in_order(ended)]
                commits.update(record.tags["git_commit"][:7] for record in ended if "git_commit" in record.tags)
        if len(row) == len(METHODS):
            for method, curve in row.items():
                found[method].append(curve)
    return found


def raw(record: RunRecord) -> dict[str, Any]:
    """Return what a trial adds to the table of all trials: its compute and accuracies."""
    return {
        "trial": record.trial, "state": record.state, "compute": record.metrics[names.COMPUTE],
        "val_accuracy": best_validation(record), "held_out_accuracy": record.metrics.get(names.HELD_OUT_ACCURACY),
    }  # fmt: skip


def run(problem: str, home: Home, portfolio: Path, say: Callable[[str], None]) -> None:
    """Run or resume the searches of a problem, with one worker. Raises KeyboardInterrupt if stopped."""
    workers = LocalExecutor(1, 1, home.logs / f"efficiency-{problem}")
    try:
        for repetition in range(REPETITIONS):
            for method in METHODS:
                config = warm_started(study_of(problem, method, repetition, portfolio), home)
                last = run_study(config, home, lambda _: None, executor=workers)
                say(_line(config, last))
                if last.interrupted:
                    raise KeyboardInterrupt
    finally:
        workers.close()


def _line(config: StudyConfig, last: StudyProgress) -> str:
    states = ", ".join(f"{count} {state}" for state, count in last.counts.items())
    best = "no complete trial" if last.best_value is None else f"best {100 * last.best_value:.2f} %"
    return f"{config.study.name}: {states}; {best}; {last.elapsed:.0f} s"


def main() -> int:
    """Run the searches and write docs/results/search_repetitions.md and its figure; return 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--home", type=Path, default=Path("runs"), help="where the studies are (runs)")
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="where the page goes (docs/results)")
    curves_text = "where the tables are that the portfolio is chosen from (docs/results/curves)"
    parser.add_argument("--curves", type=Path, default=Path("docs/results/curves"), help=curves_text)
    parser.add_argument("--problem", choices=DATA, action="append", help="run only this one's searches")
    parser.add_argument("--page", action="store_true", help="run nothing; write the page of the finished searches")
    chosen = parser.parse_args()
    home = Home(chosen.home)
    home.root.mkdir(parents=True, exist_ok=True)
    try:
        for problem in () if chosen.page else chosen.problem or DATA:
            portfolio = write_portfolio(problem, chosen.curves, home.root)
            run(problem, home, portfolio, lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        print("Stopped. Run the same command to resume.")
        return 130
    commits, trials = set[str](), list[dict[str, Any]]()
    found = {problem: curves(home, problem, commits, trials) for problem in DATA}
    chosen.out.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(trials).to_parquet(chosen.out / TRIALS_FILE, index=False)
    print(write_page(found, SPEC, TRIALS, chosen.out, commits))
    return 0


if __name__ == "__main__":
    sys.exit(main())
