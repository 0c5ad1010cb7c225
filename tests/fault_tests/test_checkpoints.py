"""Checkpoints that cannot be written, and checkpoints that are damaged."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from study.engine.progress import StudyProgress
from study.spec.parsing import parse_spec
from study.workers.executors import LocalExecutor
from tests.processes import PATIENCE_SECONDS
from tests.study_tests.drivers import ended, epoch_files, wait_for_new_epochs

from .cases import Case, arms, calm, new_home, real
from .invariants import check_invariants, results

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


def can_mount() -> bool:
    """Whether this machine lets anybody mount a tmpfs for himself."""
    return shutil.which("unshare") is not None and subprocess.run([*NAMESPACE, "true"], check=False).returncode == 0


@pytest.mark.faults
@pytest.mark.skipif(not can_mount(), reason="no user namespaces here, so no small disk can be made")
@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_full_disk_stops_runs_only_until_there_is_room(after: int, tmp_path: Path) -> None:
    home = new_home(tmp_path, "home")
    command = [
        *NAMESPACE,
        sys.executable,
        "-m",
        "tests.fault_tests.disk_full",
        str(home.root),
        "checkpoints",
        str(after),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert "the disk failed, and nothing was lost" in done.stdout


def truncate(file: Path, moments: random.Random) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: moments.randrange(len(content))])


def flip_a_bit(file: Path, moments: random.Random) -> None:
    content = bytearray(file.read_bytes())
    content[moments.randrange(len(content))] ^= 1 << moments.randrange(8)
    file.write_bytes(content)


@pytest.mark.faults
@pytest.mark.parametrize("damage", [truncate, flip_a_bit])
@pytest.mark.parametrize("times", [3])
def test_a_damaged_newest_checkpoint_is_passed_over_for_the_one_before(
    damage: Callable[[Path, random.Random], None], times: int, tmp_path: Path, moments: random.Random
) -> None:
    done = studies = 0
    while done < times:
        case, home = real(), new_home(tmp_path, studies)
        driver = case.start(home)
        wait_for_new_epochs(home, moments.randint(2, 6), driver)
        driver.kill()
        ended(driver)
        before = results(home, case.config)
        newest = {file.parent: file for file in sorted(epoch_files(home))}
        for file in newest.values():
            damage(file, moments)
        assert case.run(home).finished
        check_invariants(home, case.config, calm(real), before=before)
        done, studies = done + bool(newest), studies + 1
        print(f"{done} of {studies} studies had a checkpoint damaged by {damage.__name__}")


@pytest.mark.faults
@pytest.mark.parametrize("number", range(3))
def test_a_worker_without_memory_says_so_and_the_others_go_on(number: int, tmp_path: Path) -> None:
    whole = arms()
    greedy = parse_spec(whole.config.spec_text + '[[ablation.arms]]\nname = "greedy"\nset = { "outer.beta1" = 0.88 }\n')
    case, home, seen = Case(greedy, 10), new_home(tmp_path, "home"), list[StudyProgress]()
    workers = LocalExecutor(2, 1, home.logs)
    last = case.run(home, seen.append, workers)
    workers.close()
    assert last.counts == {"complete": 8, "out_of_memory": 2}
    ends = results(home, case.config)
    numbers = calm(arms) | {key: end for key, end in ends.items() if end[0] == "out_of_memory"}
    check_invariants(home, case.config, numbers)
