"""What is about the home's disk, and what is not."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from study.cli.outcome import finish, finish_safely
from study.engine import event_handler
from study.engine.home_watch import HomeAway, HomeWatch
from study.engine.repeated_failures import cause
from study.stores.home import Home
from study.stores.outages import StoreUnreachable, retry_while_locked
from trainers.disk import disk_fault, naming, size_of

from .store_rows import ablation, fresh_home, mlflow_runs, run


@pytest.fixture
def watch(tmp_path: Path) -> HomeWatch:
    watch = HomeWatch(Home(tmp_path / "home"))
    watch.start()
    return watch


def fault(number: int, file: str | Path | None = None) -> OSError:
    return OSError(number, os.strerror(number), str(file)) if file else OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE, errno.EIO])
def test_an_error_of_the_disk_is_the_home_s_only_if_its_file_is(watch: HomeWatch, tmp_path: Path, number: int) -> None:
    away = watch.blame(fault(number, tmp_path / "home" / "checkpoints" / "x"))
    assert away is not None
    assert str(away).startswith(f"The home {tmp_path / 'home'} ")
    assert os.strerror(number) in str(away)
    assert watch.blame(fault(number, tmp_path / "pictures" / "x.png")) is None
    assert watch.blame(fault(number)) is None


def test_a_file_s_name_and_size_are_known_although_the_system_leaves_them_out(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left on device: '/dev/full'") as full, naming(Path("/dev/full"), 512):
        Path("/dev/full").write_bytes(bytes(512))
    (found,) = [disk_fault(full.value, [Path("/dev")])]
    assert found is not None
    assert size_of(found) == 512
    assert disk_fault(full.value, [tmp_path]) is None


def test_a_home_that_was_moved_or_replaced_is_away_until_it_is_back(watch: HomeWatch, tmp_path: Path) -> None:
    watch.probe(200_000)
    (tmp_path / "home").rename(tmp_path / "aside")
    with pytest.raises(HomeAway, match="cannot be written: No such file or directory"):
        watch.probe()
    (tmp_path / "home").mkdir()
    with pytest.raises(HomeAway, match="another folder is in its place"):
        watch.look()
    (tmp_path / "home").rmdir()
    (tmp_path / "aside").rename(tmp_path / "home")
    watch.probe()
    assert list((tmp_path / "home" / "checkpoints").iterdir()) == []


@pytest.mark.parametrize("text", ["database or disk is full", "disk I/O error", "attempt to write a readonly database"])
def test_a_full_disk_is_an_outage_of_the_store_whoever_says_so(text: str) -> None:
    def refused() -> None:
        raise sqlite3.OperationalError(text)

    with pytest.raises(StoreUnreachable, match=text):
        retry_while_locked(refused)
    with pytest.raises(StoreUnreachable, match="No space left on device"):
        retry_while_locked(lambda: Path("/dev/full").write_text("x"))
    with closing(sqlite3.connect(":memory:")) as store, pytest.raises(sqlite3.OperationalError, match="no such table"):
        retry_while_locked(lambda: store.execute("select * from absent"))


def test_an_error_of_another_disk_fails_the_run_with_its_path_after_the_retries(tmp_path: Path) -> None:
    """The checkpoints' folder is fine, and the trainer's own file is not: nothing to wait for."""
    home = fresh_home(tmp_path)
    config = ablation({"a": "{}", "full": '{ "outer.beta1" = 0.79 }'}, seeds=1, retries=1)
    assert run(config, home).counts == {"complete": 1, "failed": 1}
    (message,) = [one.data.tags["message"] for one in mlflow_runs(home, "arms") if one.data.tags["arm"] == "full"]
    assert "No space left on device: '/dev/full'" in message


def test_a_cell_that_cannot_be_read_although_the_home_can_be_written_fails_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_handler, "RETRY_PAUSE_SECONDS", 0.01)
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1, retries=1)
    assert run(config, home).finished
    (cell,) = {one.data.tags["cell"] for one in mlflow_runs(home, "arms") if one.data.tags["arm"] == "b"}
    other = ablation({"b": '{ "outer.lr" = 0.1 }', "c": '{ "outer.lr" = 0.2 }'}, seeds=1, retries=1, name="other")
    lock = home.checkpoints / cell / "lock"
    lock.unlink()
    lock.symlink_to("/nowhere/lock")
    last = run(other, home)
    assert last.counts == {"complete": 1, "failed": 1}
    assert last.away == ""


ALIKE = {f"a{n}": f'{{ "outer.beta1" = 0.83, "outer.lr" = 0.0{n + 1} }}' for n in range(6)}


def test_runs_in_a_row_that_fail_alike_stop_the_study_before_all_are_lost(tmp_path: Path) -> None:
    home, config, out = fresh_home(tmp_path), ablation(ALIKE, seeds=1, workers=1, retries=0), StringIO()
    last = run(config, home)
    assert (last.counts, last.finished, last.interrupted) == ({"failed": 4, "waiting": 2}, False, False)
    assert last.paused.startswith(
        "4 runs in a row failed with the same error (a0 / seed 1, a1 / seed 1, a2 / seed 1, a3 / seed 1): "
    )
    assert last.paused.endswith("RuntimeError: the stand-in was told to fail")
    assert finish(last, home, Console(file=out, width=200)) == 1
    assert "No more runs were started: 4 runs in a row failed with the same error" in out.getvalue()
    assert "then run the same command to train the remaining runs, or add --retry-failed" in out.getvalue()
    last = run(config, home)
    assert (last.counts, last.finished, last.paused) == ({"failed": 6}, True, "")


def test_the_only_runs_that_are_left_and_other_ends_between_pause_nothing(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    arms = {**dict(list(ALIKE.items())[:3]), "fine": "{}", **dict(list(ALIKE.items())[3:])}
    last = run(ablation(arms, seeds=1, workers=1, retries=0), home)
    assert (last.counts, last.finished, last.paused) == ({"failed": 6, "complete": 1}, True, "")


def test_failures_are_alike_whatever_paths_and_numbers_they_name() -> None:
    one = "OSError: [Errno 5] Input/output error: '/data/pics/a/7.png'"
    assert cause(one) == cause("OSError: [Errno 5] Input/output error: '/data/pics/b/81.png'")
    assert cause(one) != cause("RuntimeError: CUDA error: no kernel image")


def test_a_report_that_cannot_be_written_leaves_the_study_s_results_and_says_how_to_make_it(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=2)
    last, out = run(config, home), StringIO()
    home.reports.write_text("a file where the folder of reports belongs")
    assert finish_safely(last, home, Console(file=out, width=400)) == 1
    assert "results are saved, but its report could not be written: " in out.getvalue()
    assert f"write the report with: mamlab report arms --home {home.root}" in out.getvalue()


def test_what_a_worker_prints_on_a_full_disk_is_lost_and_nothing_else() -> None:
    code = "from study.workers.worker import keep_printing; keep_printing(); print('x' * 100_000); raise SystemExit(7)"
    with Path("/dev/full").open("w") as full:
        assert subprocess.run([sys.executable, "-c", code], stdout=full, stderr=full, check=False).returncode == 7
