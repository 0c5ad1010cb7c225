"""All benchmarks: `python -m benchmarks`, or `python -m benchmarks TABLE ...`. Takes under 25 minutes on two idle
cores.

Prints Markdown, and writes the same results as JSON. If MAML_REFERENCE names a checkout of the paper's code, times are
compared with it; otherwise those rows are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reports.data.atomic_file import write_file
from trainers.memory import keep_freed_memory

from . import agreement, counts, iterations, memory, status_cost, study_costs, whole_runs
from .header import header
from .measure import Row
from .reference import LEFT_OUT, checkout
from .setting import DEVICE

TABLES: dict[str, tuple[str, Callable[[Any], Iterable[Row]]]] = {
    "agreement": ("Same numbers in float64", agreement.rows),
    "iterations": ("Time against the paper's code", iterations.rows),
    "counts": ("Operators and arithmetic", counts.rows),
    "whole_runs": ("Whole runs", whole_runs.rows),
    "study_costs": ("What a study adds", study_costs.rows),
    "status": ("Status and start-up", status_cost.rows),
    "memory": ("Memory", memory.rows),
}
"""Table name -> heading, and a function that returns the rows, given the folder of the paper's code or None."""
COMPARISONS = ("agreement", "iterations", "whole_runs")
"""Tables that need the paper's code."""
ON_A_GPU = ("agreement", "iterations")
"""Tables that support `--device cuda`."""
COLUMNS = "| what | value | must reach | aim | reached | numbers | n |\n|---|---|---|---|---|---|---|"


def line(row: Row) -> str:
    """Return a row of the Markdown table."""
    marks = ["" if mark is None else shown(mark, row.unit) for mark in (row.must, row.aim)]
    return (
        f"| {row.what} | {shown(row.value, row.unit)} | {marks[0]} | {marks[1]} | {row.reached} | {row.detail} |"
        f" {row.repeats} |"
    )


def shown(value: float, unit: str) -> str:
    """Return a value with its unit: 0.51 x, 1.2 %, 4.5e-16."""
    return f"{value:.1e}" if unit == "relative" else f"{value:.2g} {unit}" if unit == "%" else f"{value:.3g} {unit}"


def main() -> None:
    """Print the requested tables, and write them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"{', '.join(TABLES)}; all if none is named")
    parser.add_argument("--out", type=Path, default=Path("runs/bench.json"), help="default: %(default)s")
    parser.add_argument(
        "--device", choices=["cpu", "cuda"], default="cpu",
        help=f"of both sides. cuda is for {', '.join(ON_A_GPU)}. Default: %(default)s",
    )  # fmt: skip
    given = parser.parse_args()
    keep_freed_memory()  # as workers do, for both sides
    os.environ[DEVICE] = given.device
    if given.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch looks for a GPU: both sides stay on the CPU
    elif wrong := set(given.tables or TABLES) - set(ON_A_GPU):
        parser.error(f"--device {given.device} is for {', '.join(ON_A_GPU)}; not for {', '.join(sorted(wrong))}")
    if unknown := set(given.tables) - TABLES.keys():
        parser.error(f"no table is called {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    if given.out.exists() and not is_result(given.out):
        parser.error(f"{given.out} is there and is no result of these benchmarks; name another file with --out")
    began, peer, head = time.monotonic(), checkout(), header()
    print("\n".join(f"{name}: {value}" for name, value in head.items()), flush=True)
    result: dict[str, object] = {"header": head}
    for name in given.tables or TABLES:
        result[name] = [asdict(row) | {"reached": row.reached} for row in print_table(name, peer)]
        write_file(given.out, json.dumps(result, indent=1))
    print(f"\n{(time.monotonic() - began) / 60:.1f} minutes; {given.out}")


def is_result(file: Path) -> bool:
    """Return whether these benchmarks wrote the file, so that they may replace it."""
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(tree, dict) and "header" in tree


def print_table(name: str, peer: Path | None) -> list[Row]:
    """Print a table row by row, and return its rows."""
    heading, make = TABLES[name]
    print(f"\n## {heading}\n", flush=True)
    if peer is None and name in COMPARISONS:
        print(LEFT_OUT)
        return []
    print(COLUMNS, flush=True)
    rows = []
    for row in make(peer):
        print(line(row), flush=True)
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
