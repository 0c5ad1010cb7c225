"""Environments that users have x commands: each ends as it does anywhere, or says in a line what is in its way."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.study_tests.ray_cluster import free_port

from .command_homes import Answer, Place, settled
from .command_table import READERS, WRITERS

ROOT = Path(__file__).parents[2]
GREEK = 'größer "α" − & b'
COMMANDS = {
    **{
        name: (READERS[name].args, READERS[name].right)
        for name in ("status", "status ab", "report", "verify", "doctor")
    },
    **{
        name: (READERS[name].args, READERS[name].right) for name in ("export", "plan", "clean", "space check", "ablate")
    },
    "train": (WRITERS["train"].args, WRITERS["train"].right),
    "arms": (("ablate", "greek.toml"), r"greek: 2 of 2 runs \| 2 complete"),
    "report of arms": (("report", "greek"), r"Report: .*greek/index\.html"),
    "ui": (("ui", "--port", "PORT"), r"Stopped"),
}


@dataclass(frozen=True)
class Environment:
    """What surrounds a command: variables, a limit of open files, files beside the spec, the name of the folder it is
    in.
    """

    variables: dict[str, str] = field(default_factory=dict)
    files: int = 0
    beside: tuple[str, ...] = ()
    folder: str = "place"
    elsewhere: bool = False


PROXY = "http://127.0.0.1:9"
ENVIRONMENTS = {
    "latin-1 output": Environment({"PYTHONIOENCODING": "latin-1"}),
    "ascii output": Environment({"PYTHONIOENCODING": "ascii"}),
    "LC_ALL=C": Environment({"LC_ALL": "C", "LANG": "C"}),
    "LC_ALL=POSIX without UTF-8 mode": Environment({"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "proxies": Environment(
        {
            name: PROXY
            for head in ("http", "https", "all", "grpc")
            for name in (f"{head}_proxy", f"{head.upper()}_PROXY")
        }
    ),
    "variables of an MLflow server": Environment(
        {
            "MLFLOW_STATIC_PREFIX": "/prefix",
            "_MLFLOW_STATIC_PREFIX": "/prefix",
            "MLFLOW_HOST": "0.0.0.0",
            "MLFLOW_PORT": "1",
            "MLFLOW_WORKERS": "3",
            "MLFLOW_ARTIFACTS_ONLY": "true",
            "GUNICORN_CMD_ARGS": "--nonsense",
            "MLFLOW_BACKEND_STORE_URI": "sqlite:////nowhere/x.db",
            "MLFLOW_TRACKING_URI": PROXY,
            "MLFLOW_EXPERIMENT_NAME": "theirs",
            "MLFLOW_RUN_ID": "0" * 32,
        }
    ),
    "modules of the user's": Environment(
        beside=("mlflow.py", "queue.py", "torch.py", "optuna.py", "numpy.py", "types.py")
    ),
    "64 open files": Environment(files=64),
    "spaces and &": Environment(folder="a & b (c) 'd'"),
    "another working directory": Environment(elsewhere=True),
}
TOO_FEW = r"error: .*(as many files open as it may|[Tt]oo many open files|ulimit -n)"


def given(place: Place, args: tuple[str, ...], here: Environment) -> Answer:
    """Give a command as from a shell; `ui` is stopped when it answers."""
    typed = [str(free_port()) if arg == "PORT" else arg for arg in args]
    if here.elsewhere:
        typed = [str(place.folder / arg) if arg.endswith(".toml") or arg == "model" else arg for arg in typed]
    command = [sys.executable, "-P", "-m", "mamlab", *typed, "--home", str(place.home)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **here.variables}
    process = subprocess.Popen(
        command, cwd=place.folder.parent if here.elsewhere else place.folder, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, preexec_fn=_limit(here.files) if here.files else None,
    )  # fmt: skip
    if args[0] == "ui":
        return _stopped(process)
    output, _ = process.communicate(timeout=400)
    return Answer(process.returncode, output.decode(errors="replace"))


def _limit(files: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


def _stopped(process: subprocess.Popen[bytes]) -> Answer:
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    text, end = b"", time.monotonic() + 200
    while process.poll() is None and b"Ctrl-C" not in text and time.monotonic() < end:
        time.sleep(0.2)
        text += process.stdout.read() or b""
    process.send_signal(signal.SIGTERM)
    status = process.wait(60)
    with process.stdout as output:
        text += output.read() or b""
    return Answer(status, text.decode(errors="replace"))


def greek_spec(place: Place) -> None:
    """Write an ablation whose second arm has a name that few encodings have."""
    head, _, rest = (place.folder / "few.toml").read_text().partition("[ablation]")
    execution = rest[rest.index("[execution]") :]
    arms = "".join(f"[[ablation.arms]]\nname = '{name}'\nset = {{ {change} }}\n" for name, change in
                   (("plain", '"inner.lr" = 0.2'), (GREEK, '"inner.lr" = 0.3')))  # fmt: skip
    text = (
        head.replace('"few"', '"greek"')
        + f'[ablation]\ndesign = "arms"\nseeds = 1\nallow_underpowered = true\n{arms}'
        + execution
    )
    (place.folder / "greek.toml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = settled(tmp_path_factory.mktemp("base"))
    greek_spec(place)
    return place


@pytest.mark.faults
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_commands_end_alike_in_any_environment(name: str, base: Place, tmp_path: Path) -> None:
    here = ENVIRONMENTS[name]
    place = base.copy(tmp_path / here.folder)
    for module in here.beside:
        (place.folder / module).write_text(
            "raise ImportError('this is the user's own file')\n".replace("user's", "user")
        )
    for command, (args, right) in COMMANDS.items():
        answer = given(place, args, here)
        text = " ".join(answer.text.split())
        print(f"{name} | {command} | {answer.status} | {answer.text.strip().splitlines()[-1:]}")
        assert "Traceback" not in text, answer.text
        if here.files and answer.status == 2:
            assert re.search(TOO_FEW, text), answer.text
            continue
        assert answer.status == 0, answer.text
        assert re.search(right, text), answer.text
