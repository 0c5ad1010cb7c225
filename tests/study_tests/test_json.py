"""With --json a command prints one object on standard output, of one schema, and everything else on standard error."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from study.cli.main import run
from study.cli.study_json import print_study
from study.json_output import SCHEMA
from study.stores.home import Home

from ..processes import PATIENCE_SECONDS
from .store_rows import ablation, fresh_home, search
from .store_rows import run as conduct

SPEC = """
[study]
name = "tiny"
[data]
source = "glyphs"
[trainer]
preset = "maml"
model.filters = 2
inner.steps = 1
episodes.tasks = 1
budget = { epochs = 1, iterations = 1 }
evaluation = { val_tasks = 2, test_tasks = 3, top_k = 1 }
[ablation]
design = "arms"
seeds = 2
allow_underpowered = true
arms = [{ name = "plain" }, { name = "fast", set = { "inner.lr" = 0.9 } }]
[execution]
workers = 1
"""


def printed(capsys: pytest.CaptureFixture[str], status: int, *command: str) -> tuple[dict[str, Any], str]:
    """Return the object that a command prints, and what it says beside it."""
    assert run([*command, "--json"]) == status
    found = capsys.readouterr()
    tree: dict[str, Any] = json.loads(found.out)
    assert tree["schema"] == SCHEMA
    return tree, found.err


def begun(folder: Path, glyphs: Path, spec: str) -> None:
    """Write a spec file into `folder`, and a home beside it that has its data."""
    (folder / "tiny.toml").write_text(spec)
    (folder / "runs").mkdir()
    (folder / "runs" / "data").symlink_to(glyphs, target_is_directory=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home with a search and an ablation of the stand-in."""
    home = fresh_home(tmp_path_factory.mktemp("home"))
    assert conduct(search(trials=4, workers=1), home).finished
    assert conduct(ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=2), home).finished
    return home


def test_an_ablation_prints_its_arms_and_comparisons_and_its_progress_beside_them(
    tmp_path: Path, glyphs_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(tmp_path, glyphs_folder, SPEC)
    place = ["--home", str(tmp_path / "runs")]
    found, beside = printed(capsys, 0, "ablate", str(tmp_path / "tiny.toml"), *place)
    assert (found["command"], found["study"], found["kind"]) == ("ablate", "tiny", "ablation")
    assert (found["runs"], found["interrupted"], found["exit_status"]) == ({"complete": 4}, False, 0)
    assert Path(found["report"]).is_file()
    assert [(one["arm"], one["n"]) for one in found["arms"]] == [("plain", 2), ("fast", 2)]
    (one,) = found["comparisons"]
    assert (one["arm"], one["base"], one["n"]) == ("fast", "plain", 2)
    assert {"verdict", "difference", "low", "high", "p", "p_adjusted"} <= one.keys()
    assert "plain / seed 0" in beside
    again, _ = printed(capsys, 0, "report", "tiny", *place)
    assert again["comparisons"] == found["comparisons"]


def test_comparisons_that_are_printed_are_a_look_that_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=2)
    assert conduct(config, home).finished
    print_study(config, home, 0)
    assert json.loads(capsys.readouterr().out)["comparisons"][0]["n"] == 2
    assert '"seeds": [1, 2]' in (tmp_path / "looks" / "arms.jsonl").read_text()


def test_a_report_of_a_search_has_its_trials_the_best_first(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    found, beside = printed(capsys, 0, "report", "hunt", "--home", str(home.root))
    complete = [trial for trial in found["trials"] if trial["state"] == "complete"]
    assert found["best"] == complete[0]["trial"]
    assert complete[0]["value"] == max(trial["value"] for trial in complete)
    assert [trial["rank"] for trial in complete] == list(range(1, len(complete) + 1))
    assert set(complete[0]["params"]) == {"outer.lr", "inner.steps"}
    assert "Report:" in beside


def test_verify_prints_what_differs(home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place = ["--home", str(home.root)]
    assert run(["report", "arms", "--out", str(tmp_path / "report"), *place]) == 0
    capsys.readouterr()
    found, _ = printed(capsys, 0, "verify", str(tmp_path / "report"), *place)
    assert found["differences"] == []
    page = tmp_path / "report" / "report.md"
    page.write_text(page.read_text().replace("arms", "legs"))
    found, _ = printed(capsys, 1, "verify", str(tmp_path / "report"), *place)
    assert any("report.md" in one for one in found["differences"])


def test_status_prints_every_study(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    found, _ = printed(capsys, 0, "status", "--home", str(home.root))
    assert {one["name"]: sum(one["counts"].values()) for one in found["studies"]} == {"hunt": 4, "arms": 4}
    assert run(["status", "--json", "--watch", "--home", str(home.root)]) == 2
    assert "cannot be combined with --json" in capsys.readouterr().err


def test_what_is_wrong_is_said_beside_and_nothing_is_printed(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["report", "nothing"], ["status", "nothing"], ["verify", "nothing"], ["ablate", "nothing.toml"]):
        assert run([*command, "--json", "--home", str(home.root)]) == 2
        found = capsys.readouterr()
        assert not found.out
        assert found.err.splitlines()[-1].startswith(("error: ", "       "))


@pytest.mark.slow
def test_a_study_that_is_stopped_prints_what_it_has(tmp_path: Path, glyphs_folder: Path) -> None:
    begun(tmp_path, glyphs_folder, SPEC.replace("iterations = 1", "iterations = 20000"))
    command = [sys.executable, "-m", "study.cli", "ablate", "tiny.toml", "--json", "--home", "runs"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        log, out = tmp_path / "runs" / "logs" / "tiny" / "worker-0.log", ""
        try:
            for _ in range(int(PATIENCE_SECONDS / 0.2)):
                if log.is_file() and "---" in log.read_text():
                    break
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
                break
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            out, beside = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    assert process.returncode == 130, beside
    found = json.loads(out)
    assert (found["interrupted"], found["exit_status"], found["report"]) == (True, 130, None)
