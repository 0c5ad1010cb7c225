from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from reports.data.files import PLAIN_FIELDS, column
from study.cli.demo import SPECS
from study.cli.main import run
from study.cli.options import make_console
from study.mlflow_ui.addresses import address
from study.mlflow_ui.server import check_port
from study.spec.config import StudyConfig
from study.spec.parsing import load_spec
from study.spec.quick_spec import quick_spec
from study.stores.home import Home
from study.text import searched_settings
from trainers.errors import InputError

from ..processes import PATIENCE_SECONDS, running
from .bad_commands import BAD_COMMANDS

SMALL = ["--epochs", "1", "--set", "budget.iterations=1", "--set", "model.filters=2", "--set", "episodes.tasks=1"]
SMALL += ["--set", "inner.steps=1", "--set", "evaluation.val_tasks=2", "--set", "evaluation.test_tasks=2"]
MODULES_OF_HELP = 500
"""At most so many modules are loaded; torch alone brings a thousand."""
COMMANDS = (
    "demo",
    "train",
    "search",
    "ablate",
    "promote",
    "export",
    "plan",
    "init",
    "report",
    "status",
    "doctor",
    "clean",
    "delete",
    "logs",
    "ui",
    "data",
    "schema",
    "compare",
    "verify",
)


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    found = {name: tmp_path / f"{name}.toml" for name in ("search", "ablation")}
    for name, path in found.items():
        path.write_text((SPECS / f"{name}.toml").read_text())
    (tmp_path / "home").mkdir()
    row = "a,Übung,,0,0,complete,s,train,1,c,,"
    for name, line, encoding in (("good", row, "utf-8"), ("long", f"{row},x", "utf-8"), ("latin", row, "latin-1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "runs.csv").write_text(f"{','.join(map(column, PLAIN_FIELDS))}\n{line}\n", encoding=encoding)
    return {name: str(path) for name, path in found.items()} | {"here": str(tmp_path), "home": str(tmp_path / "home")}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, glyphs_folder: Path) -> Home:
    """A home with one tiny training in it, made by the command itself."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.data.symlink_to(glyphs_folder, target_is_directory=True)
    result = mamlab("train", "--preset", "maml", *SMALL, "--name", "tiny", "--home", str(home.root))
    assert result.returncode == 0, result.stderr
    (home.root / "first.txt").write_text(result.stdout)
    return home


def mamlab(*args: str) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, and return what it printed and its exit status."""
    out, errors = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        status = run(args)
    return subprocess.CompletedProcess(args, status, out.getvalue(), errors.getvalue())


@pytest.mark.parametrize("case", BAD_COMMANDS, ids=list(BAD_COMMANDS))
def test_a_bad_command_line_gets_an_error_line_and_status_2(
    case: str, places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    args, message = BAD_COMMANDS[case]
    assert run([arg.format(**places) for arg in args]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message.format(**places) in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_at_least_twelve_command_lines_are_in_the_table() -> None:
    assert len(BAD_COMMANDS) >= 12


def test_help_names_every_command_and_answers_at_once_since_it_imports_no_heavy_library() -> None:
    code = "import sys, study.cli; print(study.cli.run(['--help'])); print(*sys.modules)"
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[-2] == "0"
    for command in COMMANDS:
        assert command in "".join(lines[:-2])
    modules = set(lines[-1].split())
    assert not {"torch", "mlflow", "optuna", "pandas", "numpy", "pydantic", "sqlalchemy"} & modules
    assert len(modules) < MODULES_OF_HELP


@pytest.mark.parametrize("command", ["train", "search", "ablate", "plan", "space show"])
def test_a_spec_file_is_read_before_any_heavy_library_is_loaded(command: str) -> None:
    code = "import sys, study.cli; print(study.cli.run(sys.argv[1:])); print(*sys.modules)"
    typed = [sys.executable, "-c", code, *command.split(), "nosuch.toml"]
    done = subprocess.run(typed, capture_output=True, text=True, check=True)
    assert "nosuch.toml: no such file" in done.stderr
    status, modules = done.stdout.splitlines()
    assert status == "2"
    assert not {"torch", "mlflow", "optuna", "pandas", "scipy", "sqlalchemy", "matplotlib"} & set(modules.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert f"Example: mamlab {command}" in capsys.readouterr().out


def test_no_arguments_are_a_question_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "Usage: mamlab" in capsys.readouterr().out


def test_tables_in_a_pipe_have_at_least_100_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, width in (("60", 100), ("140", 140)):
        monkeypatch.setenv("COLUMNS", columns)
        assert make_console().width == width


def test_only_errors_that_a_user_can_mend_are_shown_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ui", "--port", "0"]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    monkeypatch.setattr(
        "study.engine.read_overviews.overviews", lambda home, tell: int("x")
    )  # a fault in a line of ours
    assert run(["status"]) == 1
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "This is a bug in mamlab" in told


def test_options_of_train_reach_the_config() -> None:
    config = quick_spec("mamlpp", "omniglot", 7, 12, ["inner.steps=3", "msl=off", "outer.lr=0.002"])
    assert (config.kind, config.data.source, config.seeds) == ("train", "omniglot", (7,))
    assert (config.base.budget.epochs, config.base.inner.steps, config.base.msl, config.base.outer.lr) == (
        12,
        3,
        "off",
        0.002,
    )


def test_the_same_options_are_the_same_study_and_others_another() -> None:
    names = [quick_spec(epochs=epochs, settings=["inner.steps=3"]).study.name for epochs in (2, 2, 3)]
    assert names[0] == names[1] != names[2]
    assert quick_spec("maml", "glyphs", 4).study.name == "maml-glyphs-seed4"


@pytest.mark.parametrize(("name", "kind"), [("search", "search"), ("ablation", "ablation")])
def test_the_demo_s_spec_files_are_valid(name: str, kind: str) -> None:
    assert load_spec(SPECS / f"{name}.toml").kind == kind


def test_the_demo_is_large_enough() -> None:
    search, ablation = demo_config("search"), demo_config("ablation")
    assert search.budget.trials is not None
    assert search.sampler is not None
    assert search.budget.trials >= 16
    assert search.budget.trials - search.sampler.options["n_startup_trials"] >= 5
    assert list(ablation.arms) == ["MAML", "MAML + LSLR", "MAML++"]
    assert len(ablation.seeds) == 3


def demo_config(name: str) -> StudyConfig:
    return load_spec(SPECS / f"{name}.toml")


def test_a_searched_setting_that_was_not_active_is_not_shown() -> None:
    params = {"lslr": "on", "lslr.granularity": "shared", "msl": "off", "outer.lr": "0.01", "inner.lr": "0.4"}
    searched = ("outer.lr", "msl", "msl.schedule", "lslr", "lslr.granularity")
    expected = {"lslr": "on", "lslr.granularity": "shared", "msl": "off", "outer.lr": "0.01"}
    assert searched_settings(searched, params) == expected


def test_an_experiment_is_addressed_in_the_training_layout() -> None:
    assert (
        address("http://127.0.0.1:5001", "3")
        == "http://127.0.0.1:5001/#/experiments/3/runs?workflowType=machine_learning"
    )


def test_a_taken_port_is_an_error_that_names_a_free_one() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(InputError, match=rf"port {port} is taken; (\d+) is free: mamlab ui --port \1") as caught:
            check_port(port)
    check_port(int(str(caught.value).split()[-1]))


def test_a_training_ends_with_its_result_its_report_and_the_way_to_the_ui(trained: Home) -> None:
    text = (trained.root / "first.txt").read_text()
    assert "complete, 1 epochs" in text
    assert "n = 1, no interval" in text
    assert str(trained.reports / "tiny" / "index.html") in text
    assert f"mamlab ui --home {trained.root}" in text


def test_the_same_command_again_trains_nothing(trained: Home) -> None:
    result = mamlab("train", "--preset", "maml", *SMALL, "--name", "tiny", "--home", str(trained.root), "--quiet")
    assert result.returncode == 0, result.stderr
    assert "1 runs" not in result.stdout
    assert mamlab("status", "--home", str(trained.root)).stdout.count("1 complete") == 1


def test_status_shows_all_studies_or_one_and_names_those_there_are(trained: Home) -> None:
    assert "tiny" in mamlab("status", "--home", str(trained.root)).stdout
    assert status_of(trained, "tiny").startswith("tiny  train  1 of 1 runs")
    wrong = mamlab("status", "huge", "--home", str(trained.root))
    assert wrong.returncode == 2
    assert "error: no study named 'huge'" in wrong.stderr
    assert "(studies: tiny" in wrong.stderr


def test_a_report_is_made_again_from_the_store_and_from_its_own_files(trained: Home, tmp_path: Path) -> None:
    for source, out in ((["tiny"], "one"), (["--from", str(tmp_path / "one")], "two")):
        done = mamlab("report", *source, "--home", str(trained.root), "--out", str(tmp_path / out))
        assert done.stdout.splitlines()[-1] == f"Report: {tmp_path / out / 'index.html'}", done.stderr
    assert (tmp_path / "one" / "runs.csv").read_bytes() == (tmp_path / "two" / "runs.csv").read_bytes()
    assert "http://127.0.0.1" in (tmp_path / "two" / "index.html").read_text(encoding="utf-8")
    assert "http://127.0.0.1" not in (tmp_path / "two" / "report.md").read_text(encoding="utf-8")


def test_a_report_to_publish_has_no_links_and_says_which_trainings_another_one_repeats(
    trained: Home, tmp_path: Path
) -> None:
    out = str(tmp_path / "public")
    assert mamlab("report", "tiny", "--no-links", "--home", str(trained.root), "--out", out).returncode == 0
    files = [path for path in (tmp_path / "public").rglob("*") if path.suffix in {".md", ".html", ".json"}]
    assert {file.name for file in files} == {"index.html", "report.md", "study.json", "tables.json", "manifest.json"}
    assert not any("127.0.0.1" in path.read_text(encoding="utf-8") for path in files)
    done = mamlab("verify", out, "--against", out, "--home", str(trained.root))
    assert done.returncode == 0, done.stdout
    assert f"agree with MLflow; runs also in {out}: 1, bit-identical" in done.stdout


def test_data_lists_the_sets_and_draws_a_sheet(trained: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "--home", str(trained.root)]) == 0
    assert run(["data", "glyphs", "--home", str(trained.root)]) == 0
    assert "checksum: " in capsys.readouterr().out
    assert (trained.data / "glyphs.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_ctrl_c_ends_a_training_with_130_and_it_goes_on_afterwards(trained: Home) -> None:
    args = ["train", "--preset", "maml", *SMALL[2:], "--epochs", "400", "--name", "long", "--home", str(trained.root)]
    with running([sys.executable, "-m", "study.cli", *args], stdout=subprocess.PIPE, text=True) as process:
        wait_for(lambda: len(list(trained.checkpoints.glob("*/epoch-*.ckpt"))) > 0)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "Run the same command to resume" in output
    assert "1 interrupted" in status_of(trained, "long")


def status_of(home: Home, study: str) -> str:
    return mamlab("status", study, "--home", str(home.root)).stdout


def wait_for(ready: object, seconds: float = PATIENCE_SECONDS) -> None:
    assert callable(ready)
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.parametrize("how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_the_ui_answers_prints_full_addresses_and_leaves_nothing_running(trained: Home, how: signal.Signals) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "study.cli", "ui", "--port", str(port), "--home", str(trained.root)]
    quick = {"PYTHONUNBUFFERED": "1"}
    if how == signal.SIGINT:  # which a job in the background of a script inherits as ignored
        command = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command]
    with running(command, stdout=subprocess.PIPE, text=True, env=os.environ | quick) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while "Ctrl-C stops" not in (line := process.stdout.readline()):
            assert line, lines
            lines.append(line)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE_SECONDS) as page:
            assert page.status == 200
        process.send_signal(how)
        assert process.wait(PATIENCE_SECONDS) == 0
    assert any(
        f"http://127.0.0.1:{port}/#/experiments/" in line and "workflowType=machine_learning" in line for line in lines
    )
    check_port(port)


@pytest.mark.slow
def test_the_demo_searches_ablates_and_reports_and_is_not_done_twice(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "study.cli", "demo", "--home", str(tmp_path)]
    home, written = Home(tmp_path), []
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        written.append({file: file.stat().st_mtime_ns for file in home.checkpoints.rglob("*.ckpt")})
        assert done.returncode == 0, done.stderr
        for part in ("Best config: trial", "MAML + LSLR", "Intervals: 95 %, Student t over seeds", "mamlab ui --home"):
            assert part in done.stdout
    search, ablation = status_of(home, "demo-search"), status_of(home, "demo-ablation")
    assert "18 runs" in search
    assert "pruned" in search
    assert "9 complete" in ablation
    assert written[0] == written[1] != {}
