"""The trainer's tests and the recorded float64 numbers, on the device."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator

from .rows import Place, Row

TESTS = ("graphs", "learner", "training", "derivatives", "adam", "exported", "classifier")
"""Resume, kill, divergence, evaluation, export, derivatives, graphs: tests/trainers_tests/test_NAME.py."""


def rows(place: Place) -> Iterator[Row]:
    """Yield whether the recorded numbers agree, and how the tests ended."""
    golden = place.luggage / "golden"
    if golden.is_dir():
        yield _ended(
            place,
            "recorded float64 numbers",
            [sys.executable, "-m", "tests.golden", str(golden), "--device", place.device],
        )
    else:
        yield Row("recorded float64 numbers", "left out", f"{golden} is missing")
    names = ("flops",) if place.quick else TESTS if importlib.util.find_spec("sklearn") else TESTS[:-1]
    files = [f"tests/trainers_tests/test_{name}.py" for name in names]
    options = ["-q", "-p", "no:cacheprovider", "-o", "filterwarnings=default", "--tb=short"]
    options += ["-n", "4"] if importlib.util.find_spec("xdist") else []
    what = f"tests of the trainer ({', '.join(names)})"
    yield _ended(place, what, [sys.executable, "-m", "pytest", *options, *files])


def _ended(place: Place, what: str, command: list[str]) -> Row:
    environment = {**os.environ, "MAMLAB_TEST_DEVICE": place.device, "MAMLAB_TEST_DATA": str(place.luggage)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    (place.out / f"{what.split(' (')[0].replace(' ', '_')}.txt").write_text(text)
    last = ((done.stdout.strip() or done.stderr.strip()).splitlines() or ["it printed nothing"])[-1]
    return Row(what, "ok" if done.returncode == 0 else "FAILED", last[:160])
