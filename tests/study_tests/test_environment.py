"""Encodings, proxies and other things that a user's environment brings along."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from study.cli.main import run
from study.processes import child_environment, reach_loopback_directly, server_environment, write_any_text
from study.stores.home import Home

ROOT = Path(__file__).parents[2]


def test_what_an_encoding_does_not_have_is_replaced() -> None:
    bytes_ = io.BytesIO()
    stream = io.TextIOWrapper(bytes_, encoding="latin-1")
    write_any_text([stream])
    print("größer \u03b1 \u2212", file=stream, flush=True)
    assert bytes_.getvalue().decode("latin-1") == "größer ? ?\n"


@pytest.mark.parametrize(
    ("given", "then"),
    [
        (None, "localhost,127.0.0.1,::1"),
        ("example.org, localhost", "example.org,localhost,127.0.0.1,::1"),
        ("*", "*"),
    ],
)
def test_loopback_goes_through_no_proxy(given: str | None, then: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        if given:
            monkeypatch.setenv(name, given)
    reach_loopback_directly()
    reach_loopback_directly()
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == then


def test_a_server_of_ours_has_no_options_of_the_users_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_STATIC_PREFIX", "_MLFLOW_STATIC_PREFIX", "GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "MY_OWN"):
        monkeypatch.setenv(name, "x")
    found = server_environment(MLFLOW_BACKEND_STORE_URI="sqlite:///a")
    assert {name for name in found if name.startswith(("MLFLOW", "_MLFLOW", "GUNICORN", "WEB_"))} == {
        "MLFLOW_BACKEND_STORE_URI"
    }
    assert found["MY_OWN"] == "x"


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "ascii"}])
def test_a_child_writes_utf_8_whatever_the_user_s_locale(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run(
        [sys.executable, "-c", "print('größer \u03b1')"],
        env=child_environment(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.decode() == "größer \u03b1\n"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_commands_print_on_any_terminal(encoding: str, tmp_path: Path) -> None:
    spec = ROOT / "tests" / "study_tests" / "store_rows.py"
    for command, status in ((["--help"], 0), (["data"], 0), (["search", str(spec.parent / "größer \u03b1.toml")], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "study.cli", *command],
            cwd=tmp_path,
            capture_output=True,
            timeout=120,
            env={
                **os.environ,
                "PYTHONIOENCODING": encoding,
                "PYTHONPATH": str(ROOT),
                "MAMLAB_HOME": str(tmp_path / "home"),
            },
        )
        assert done.returncode == status, done.stderr
        assert b"Traceback" not in done.stderr


def test_commands_that_are_printed_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "a & b")
    assert home.command("doctor", "my study", "--fix") == f"mamlab doctor 'my study' --fix --home '{home.root}'"
    monkeypatch.setenv("MAMLAB_HOME", str(home.root))
    assert home.command("status") == "mamlab status"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = " + "[" * 20_000, "nested too deeply"),
        ("[study]\nname = 'a'\nx = " + "{a=" * 20_000, "nested too deeply"),
    ],
)
def test_a_spec_that_is_nested_without_end_is_one_line(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "deep.toml"
    spec.write_text(text)
    assert run(["search", str(spec)]) == 2
    assert told in capsys.readouterr().err
    assert run(["search", str(tmp_path)]) == 2
    assert "is a folder; name the spec file in it" in capsys.readouterr().err


def test_a_password_that_others_can_read_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "stores.toml"
    file.write_text('optuna = "postgresql://me:s3cret@127.0.0.1:1/db"\n')
    file.chmod(0o644)
    run(["data", "--home", str(tmp_path)])
    told = capsys.readouterr().err
    assert (
        told == f"note: {file} contains a password, and other users of this machine can read it. "
        f"To restrict access: chmod 600 {file}\n"
    )
    file.chmod(0o600)
    run(["data", "--home", str(tmp_path)])
    assert capsys.readouterr().err == ""
