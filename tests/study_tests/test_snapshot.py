from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from reports.text import about
from study.cli import status as pages
from study.cli.main import run
from study.engine.overview import Overview, RunningRun
from study.engine.progress import StudyProgress
from study.engine.read_overviews import READING, overview, overviews
from study.engine.snapshot import read_snapshot, snapshot_file
from study.engine.status import read_study
from study.spec.parsing import parse_spec
from study.stores.connect import open_mlflow
from study.stores.home import Home

from . import store_rows

HEAVY = {"mlflow", "optuna", "torch", "scipy", "pandas", "sqlalchemy"}
ARMS = {"one": "{}", "bad": "{ outer.beta1 = 0.81 }"}


def quiet(text: str) -> None:
    raise AssertionError(f"this is not to be read from the stores: {text}")


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, list[Overview]]:
    """A home with a search and an ablation of which a run diverged, and what was seen while they ran."""
    home, live = store_rows.fresh_home(tmp_path_factory.mktemp("home")), []

    def look(progress: StudyProgress) -> None:
        if found := read_snapshot(home, progress.study):
            live.append(found)

    store_rows.run(store_rows.search(trials=6), home, look)
    store_rows.run(store_rows.ablation(ARMS), home)
    return home, live


def seen(found: Overview) -> Overview:
    return replace(found, at=0.0, best=found.best and replace(found.best, settings={}))


@pytest.mark.parametrize("study", ["hunt", "arms"])
def test_the_snapshot_of_a_study_that_has_ended_says_what_its_stores_say(
    study: str, studied: tuple[Home, list[Overview]]
) -> None:
    home, _ = studied
    kept, stored = overview(home, study, quiet), read_study(home, study).overview
    assert seen(kept) == seen(stored)
    assert kept.planned == sum(kept.counts.values())
    if study == "hunt":
        assert kept.best is not None
        assert kept.best.settings.keys() == {"outer.lr", "inner.steps"}
    else:
        assert kept.best is None
        assert [line.partition(":")[0] for line in kept.troubles] == [
            "diverged  bad / seed 1",
            "diverged  bad / seed 2",
        ]
    assert [one.name for one in overviews(home, quiet)] == ["arms", "hunt"]


def test_status_says_all_of_it_without_importing_a_store_s_library(studied: tuple[Home, list[Overview]]) -> None:
    code = f"import sys, study.cli; study.cli.run(sys.argv[1:]); print(*{HEAVY!r} & set(sys.modules), file=sys.stderr)"
    command = [sys.executable, "-c", code, "status", "--home", str(studied[0].root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"COLUMNS": "80", "PATH": ""})
    assert done.stderr.strip() == ""
    lines = done.stdout.splitlines()
    assert [line.split()[:6] for line in lines[1:]] == [
        ["arms", "ablation", "4", "of", "4", "runs"], ["hunt", "search", "6", "of", "6", "runs"],
    ]  # fmt: skip
    assert max(map(len, lines)) <= 100


def test_while_a_driver_lives_its_snapshot_says_who_it_is_and_what_runs(studied: tuple[Home, list[Overview]]) -> None:
    live = studied[1]
    assert live, "nothing was written while the study ran"
    assert all(found.driver.startswith("host ") and found.planned == 6 for found in live)
    assert any(found.running for found in live)


def copy(home: Home, folder: Path) -> Home:
    shutil.copytree(home.root, folder)
    return Home(folder)


@pytest.fixture
def own(studied: tuple[Home, list[Overview]], tmp_path: Path) -> Home:
    """A copy of the home, whose snapshots are its own."""
    home = copy(studied[0], tmp_path / "copy")
    told: list[str] = []
    overviews(home, told.append)
    assert told == [READING], "a copy has other stores than those that its snapshots are of"
    overviews(home, quiet)  # kept when they were read
    return home


def test_a_change_in_either_store_makes_the_snapshot_void(own: Home) -> None:
    first = store_rows.mlflow_runs(own, "arms")[0].info.run_id
    open_mlflow(own).delete_run(first)
    assert read_snapshot(own, "arms") is None
    assert read_snapshot(own, "hunt") is not None
    assert "missing in MLflow" in overview(own, "arms", lambda text: None).missing
    assert read_snapshot(own, "arms") is None, "what is to be mended is not kept"
    open_mlflow(own).restore_run(first)
    assert overview(own, "arms", lambda text: None).missing == ""
    own.optuna_db.unlink()
    assert read_snapshot(own, "arms") is None


def test_the_snapshot_of_a_driver_that_was_killed_does_not_count(own: Home) -> None:
    tree = json.loads(snapshot_file(own, "arms").read_text())
    tree["study"]["driver"] = "host there, process 1, since 2026-01-01 00:00:00+00:00"
    snapshot_file(own, "arms").write_text(json.dumps(tree))
    assert read_snapshot(own, "arms") is None


def test_a_damaged_snapshot_is_passed_over(own: Home, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("", "[]", '{"stores": []}', '{"study": {"name": 1}}', "{"):
        snapshot_file(own, "arms").write_text(text)
        assert read_snapshot(own, "arms") is None
    assert run(["status", "arms", "--home", str(own.root)]) == 0
    captured = capsys.readouterr()
    assert captured.err == f"{READING}\n"
    assert "arms  ablation  4 of 4 runs" in captured.out


LIVE = Overview(
    "a-study-with-a-long-name-of-40-characters", "ablation", "1",
    {"complete": 24, "out_of_memory": 2, "failed": 1, "running": 2, "waiting": 13}, 42,
    (RunningRun("MAML++ without LSLR / seed 3", 3, "20", 0.5),), None, (),
    "host here, process 12, since 2001-01-01 10:00:00+00:00", remaining=200.0,
)  # fmt: skip


def test_a_row_of_status_fits_80_columns_and_says_how_far_the_study_is() -> None:
    live = replace(LIVE, at=time.time())
    console = Console(width=80, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(pages.studies_table([live]))
        console.print(pages.study_page(live))
    text = captured.get()
    assert max(map(len, text.splitlines())) <= 80
    assert "42 runs" in text
    assert pages.progress_text(live) == "27 of 42 runs, about 3 min left"
    assert "2001-01-01" in text
    assert "+00:00" not in text


def test_a_time_is_that_of_this_machine_s_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Etc/GMT-3")
    time.tzset()
    try:
        assert pages.local_time("process 1, since 2001-01-01 10:00:00+00:00") == "process 1, since 2001-01-01 13:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "under 1 min"), (59, "under 1 min"), (61, "about 1 min"), (200, "about 3 min"),
        (570, "about 10 min"), (700, "about 10 min"),
        (1500, "about 25 min"), (3400, "about 55 min"), (3500, "about 1 h"), (9000, "about 2.5 h"),
        (36000, "about 10 h"), (200000, "about 2 days"),
    ],
)  # fmt: skip
def test_what_is_left_is_rounded_to_what_it_is_worth(seconds: float, text: str) -> None:
    assert about(seconds) == text


def test_watching_ends_when_nobody_drives_the_study_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "WATCH_SECONDS", 0.0)
    later = iter([[replace(LIVE, counts={"complete": 41})], [replace(LIVE, counts={"complete": 42}, driver="")]])
    console = Console(width=100, force_terminal=False)
    with console.capture() as captured:
        last = pages.watch([LIVE], lambda: next(later), console, one=True)
    assert last[0].counts == {"complete": 42}
    assert "42 of 42 runs" in captured.get()
    assert "27 of 42" not in captured.get()


def test_a_search_of_several_seeds_shows_the_interval_of_its_best(tmp_path: Path) -> None:
    text = store_rows.SEARCH.format(trials=3, workers=2).replace("seed = 3", "seed = 3\nseeds_per_trial = 2")
    text = text.replace('"median"\nn_startup_trials = 3\nn_warmup_steps = 1', '"none"')
    home, config = store_rows.fresh_home(tmp_path), parse_spec(text)
    store_rows.run(config, home)
    kept = overview(home, "hunt", quiet)
    assert kept.best is not None
    assert kept.best.accuracy.endswith(", n = 2")
    assert seen(kept) == seen(read_study(home, "hunt").overview)
