"""What a command writes where its user says: its process is killed at random moments, the disk is full or read-only.

`mamlab report` and `mamlab export` write through one module, which tests/reports_tests/test_output_folder.py takes
apart; here real processes do.
"""

from __future__ import annotations

import random
import resource
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from reports.build import build_report
from reports.data.files import read_files
from reports.data.output_folder import WRITING
from reports.records import Family, ReportError, RunRecord, StudyInfo
from tests.reports_tests import example

from .test_checkpoints import NAMESPACE, can_mount

INFO = StudyInfo("s", "ablation", families=(Family("arms against A", (("B", "A"),)),))
ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 0.3
"""From the first file that a report writes to the last rename, on a busy machine."""


def runs(count: int) -> list[RunRecord]:
    return [example.record(n, arm="AB"[n % 2], seed=n // 2, accuracy=0.8 + 0.01 * n) for n in range(count)]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Reports of the same study after 4 and after 8 runs, by their number."""
    place = tmp_path_factory.mktemp("reports")
    return {count: build_report(runs(count), INFO, place / str(count)).parent for count in (4, 8)}


def report(source: Path, out: Path) -> list[str]:
    """Return the command that writes the report again."""
    return [
        sys.executable,
        "-m",
        "study.cli",
        "report",
        "--from",
        str(source),
        "--out",
        str(out),
        "--home",
        str(out) + "-home",
    ]


def killed(source: Path, out: Path, after: float) -> None:
    """Start the report, and kill it so many seconds after it began to write."""
    process = subprocess.Popen(report(source, out), cwd=ROOT, stdout=subprocess.DEVNULL)
    while process.poll() is None and not (out / WRITING).exists():
        time.sleep(0.001)
    time.sleep(after)
    process.kill()
    process.wait()


@pytest.mark.parametrize("kills", [pytest.param(10, marks=pytest.mark.faults)])
def test_a_report_whose_writer_was_killed_is_whole_or_refused_and_made_again_to_the_byte(
    kills: int, reports: dict[int, Path], tmp_path: Path, moments: random.Random
) -> None:
    numbers = {count: read_files(folder) for count, folder in reports.items()}
    for number in range(kills):
        out = tmp_path / str(number)
        if number % 2:
            shutil.copytree(reports[4], out)
            (out / "figures" / "photo.pdf").write_text("mine")
        killed(reports[8], out, moments.uniform(0, LONGEST_SECONDS) if number % 3 else 0)
        with suppress(ReportError):
            assert read_files(out) in numbers.values()
        build_report(runs(8), INFO, out)
        mine = {"figures/photo.pdf": b"mine"} if number % 2 else {}
        assert contents(out) == contents(reports[8]) | mine


@pytest.mark.parametrize("size", [500, 5000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_files_that_cannot_be_written_leave_the_report_that_was_there(
    size: int, reports: dict[int, Path], tmp_path: Path
) -> None:
    out = tmp_path / "report"
    shutil.copytree(reports[4], out)
    before, limits = contents(out), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with pytest.raises(ReportError, match=r"report cannot be written: .*its old contents are intact"):
            build_report(runs(8), INFO, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(out) == before


@pytest.mark.faults
@pytest.mark.skipif(not can_mount(), reason="no user namespaces here, so no file system can be mounted")
@pytest.mark.parametrize(
    ("options", "reason"), [("size=100k", "No space left on device"), ("size=1m,ro", "Read-only file system")]
)
def test_a_disk_that_is_full_or_read_only_is_one_line_with_the_folder(
    options: str, reason: str, reports: dict[int, Path], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = " ".join(report(reports[8], disk / "report"))
    script = f"mount -t tmpfs -o {options} tmpfs {disk} && {{ {command}; echo status $?; ls -A {disk}; }}"
    done = subprocess.run([*NAMESPACE, "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "status 2\n"  # and nothing is left on the disk
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: the report's folder {disk}/report cannot be ")
    assert reason in line
