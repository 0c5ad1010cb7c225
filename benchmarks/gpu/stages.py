"""The stages in their order, each with its time limit; `python -m benchmarks.gpu.stages NAME ...` does one of them."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from .rows import Place, Row, Stage


@dataclass(frozen=True)
class Planned:
    """A stage: the module of its name, and the seconds that it may take."""

    name: str
    seconds: float


PROOF = (
    Planned("facts", 20), Planned("checks", 80), Planned("iterations", 85), Planned("repeatability", 40),
    Planned("peer", 35), Planned("convolutions", 40),
)  # fmt: skip
"""`make gpu`: five minutes."""
MORE = (Planned("memory", 30), Planned("sharing", 160), Planned("search", 90), Planned("protocol", 95))
"""`make gpu-more`: six more."""


def rows_file(out: Path, name: str) -> Path:
    """Return the file that a stage writes its rows into, a JSON object a line."""
    return out / f"{name}.jsonl"


def main() -> None:
    """Do one stage, writing each row as it comes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.stages")
    parser.add_argument("name")
    parser.add_argument("--device", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--luggage", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    given = vars(parser.parse_args())
    name, place = given.pop("name"), Place(**given)
    make: Stage = import_module(f".{name}", __package__).rows
    with rows_file(place.out, name).open("a", encoding="utf-8") as file:
        for row in make(place):
            file.write(json.dumps(asdict(row)) + "\n")
            file.flush()
            print(line(row), flush=True)


def line(row: Row) -> str:
    """Return a row of the Markdown table."""
    return (
        "| " + " | ".join(text.replace("|", "/").replace("\n", " ") for text in (row.what, row.value, row.note)) + " |"
    )


if __name__ == "__main__":
    main()
