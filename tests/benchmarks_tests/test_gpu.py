"""The stages that a GPU is proved with come through on a CPU, and one that fails does not stop the rest."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import __main__ as command
from benchmarks.gpu.convolutions import _decisions
from benchmarks.gpu.packages import unpacked
from benchmarks.gpu.rows import Place, Row
from benchmarks.gpu.stages import MORE, PROOF, line

ROOT = Path(__file__).parents[2]


def run(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.gpu", *arguments, "--device", "cpu", "--quick", "--out", str(out)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.slow
def test_all_stages_come_through_on_a_cpu(tmp_path: Path) -> None:
    done = run(tmp_path, "all", "--luggage", str(tmp_path / "luggage"))
    assert done.returncode == 0, done.stdout
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert list(found) == [stage.name for stage in PROOF + MORE]
    assert {rows[-1]["value"] for rows in found.values()} == {"ok"}
    same = {row["what"]: row["value"] for row in found["repeatability"]}
    assert same["the same training twice"] == same["resumed after 2 of 4 epochs"] == "bit for bit"
    assert found["search"][0]["value"] == "ok"
    assert "2 of 2 epochs" in done.stdout


@pytest.mark.slow
def test_one_stage_alone_writes_its_rows_and_the_table(tmp_path: Path) -> None:
    done = run(tmp_path, "--only", "convolutions")
    assert done.returncode == 0, done.stdout
    rows = json.loads((tmp_path / "gpu.json").read_text())["convolutions"]
    assert [row["what"] for row in rows[-4:-1]] == [f"decision, {name}" for name in ("float32", "tf32", "bfloat16")]
    assert all(line(Row(**row)) in done.stdout for row in rows)


def test_the_command_itself_needs_no_package_but_torch() -> None:
    code = "import sys; sys.modules['pydantic'] = None; import benchmarks.gpu.__main__"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_stage_that_hangs_or_fails_says_so_and_is_ended(tmp_path: Path) -> None:
    began = time.monotonic()
    hang = [sys.executable, "-c", "import time; time.sleep(600)"]
    assert command.run_command(hang, {}, tmp_path / "log", 0.5) == "FAILED: out of time"
    assert time.monotonic() - began < 60
    fail = [sys.executable, "-c", "raise RuntimeError('no kernel image')"]
    assert command.run_command(fail, {}, tmp_path / "log", 60) == "FAILED: RuntimeError: no kernel image"


def test_products_are_chosen_where_they_take_much_less_time() -> None:
    times = {"float32": 1.0, "float32 products": 0.7, "tf32": 1.0, "tf32 products": 0.9, "bfloat16": float("inf")}
    assert [row.value for row in _decisions(times)] == ["float32 products", "tf32", "none"]


def test_wheels_are_unpacked_only_where_something_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels" / "a-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("a/__init__.py", "")
    assert unpacked(tmp_path, tmp_path / "here") is None
    monkeypatch.setattr("benchmarks.gpu.packages.NEEDED", ("a_package_that_is_not_there",))
    assert unpacked(tmp_path, tmp_path / "here") == tmp_path / "here"
    assert (tmp_path / "here" / "a" / "__init__.py").exists()


def test_a_time_is_the_median_of_a_call() -> None:
    calls: list[int] = []

    def work() -> None:
        time.sleep(0.001)
        calls.append(1)

    place = Place("cpu", True, Path(), Path(), 1.0)
    assert 0.9 < place.milliseconds(work, repeats=3, calls=2) < 100
    assert len(calls) == 5 + 3 * 2
    assert not torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
