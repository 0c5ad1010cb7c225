"""What a GPU has to prove: `python -m benchmarks.gpu` (five minutes), `python -m benchmarks.gpu more` (six more).

Each stage is a process of its own with a time limit: one that fails or hangs does not stop the rest. Rows are written
as they come (OUT/<stage>.jsonl), all of them into OUT/gpu.json after each stage, and printed as a table at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from .packages import FOLDER, unpacked
from .rows import Row
from .stages import MORE, PROOF, Planned, line, rows_file

TABLE = "| what | value | note |\n|---|---|---|"
QUICK_SECONDS = 240.0
"""Limit of a stage that is only tried."""


def main() -> int:
    """Do all stages; return 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", nargs="?", choices=["proof", "more", "all"], default="proof")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try the stages themselves")
    parser.add_argument("--only", default="", metavar="STAGE,...", help="these stages alone")
    parser.add_argument(
        "--luggage", type=Path, default=FOLDER, help="what `make gpu-luggage` gathered; default: %(default)s"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"), help="default: %(default)s")
    given = parser.parse_args()
    planned = {"proof": PROOF, "more": MORE, "all": PROOF + MORE}[given.part]
    if unknown := set(filter(None, given.only.split(","))) - {one.name for one in planned}:
        parser.error(f"--only {', '.join(sorted(unknown))}: there are {', '.join(one.name for one in planned)}")
    chosen = [one for one in planned if not given.only or one.name in given.only.split(",")]
    given.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Row]] = {}
    for one in chosen:
        found[one.name] = _done(one, given)
        _write(given.out / "gpu.json", found)
    print("\n" + "\n".join([TABLE, *(line(row) for rows in found.values() for row in rows)]))
    return int(any(row.value.startswith(("FAILED", "DIFFERS")) for rows in found.values() for row in rows))


def _done(stage: Planned, given: argparse.Namespace) -> list[Row]:
    """Do a stage; return its rows, the last of which says how it ended."""
    print(f"--- {stage.name}", flush=True)
    file, limit = rows_file(given.out, stage.name), QUICK_SECONDS if given.quick else stage.seconds
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", f"{__package__}.stages", stage.name, "--device", given.device]
    command += ["--luggage", str(given.luggage), "--out", str(given.out), "--seconds", str(limit)]
    began = time.perf_counter()
    ended = run_command(
        [*command, *(["--quick"] if given.quick else [])], _environment(given), given.out / f"{stage.name}.log", limit
    )
    rows = [Row(**json.loads(text)) for text in file.read_text().splitlines()] if file.exists() else []
    return [*rows, Row(f"stage {stage.name}", ended, f"{time.perf_counter() - began:.0f} s of {limit:.0f}")]


def _environment(given: argparse.Namespace) -> dict[str, str]:
    wheels = unpacked(given.luggage, given.out / "packages")
    path = [str(Path.cwd()), *([str(wheels)] if wheels else []), os.environ.get("PYTHONPATH", "")]
    hidden = {} if given.device == "cuda" else {"CUDA_VISIBLE_DEVICES": ""}
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path)), "OMP_NUM_THREADS": "1", **hidden}


def run_command(command: list[str], environment: dict[str, str], log: Path, limit: float) -> str:
    """Run a command with all that it starts, for `limit` seconds at most; return how it ended."""
    with log.open("w") as errors:
        process = subprocess.Popen(command, env=environment, stderr=errors, start_new_session=True)
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            return "FAILED: out of time"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    last = (log.read_text(errors="replace").strip().splitlines() or [""])[-1]
    return "ok" if code == 0 else f"FAILED: {last[:200]}"


def _write(file: Path, found: dict[str, list[Row]]) -> None:
    """Write all rows, whole or not at all."""
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps({name: [asdict(row) for row in rows] for name, rows in found.items()}, indent=1))
    temporary.replace(file)


if __name__ == "__main__":
    sys.exit(main())
