"""Commands in processes of their own: to be killed, with a small disk (`full`), or with a home that
cannot be written (`locked`).

The latter two run in a mount namespace of their own (`unshare`), where anybody may mount.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from study.cli.main import run
from tests.study_tests.ray_cluster import free_port

from .command_homes import Answer, Place
from .test_checkpoints import NAMESPACE

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.fault_tests.command_imports"])
ROOT = Path(__file__).parents[2]
FREED_AFTER_SECONDS = 10.0


def give(place: Place, args: tuple[str, ...], *, kill_after: float | None = None) -> Answer:
    """Give a command in a process of its own, which is killed after so many seconds; `ui` is stopped when it answers.

    The process is forked from one that has done the imports. A process that was killed has status -9.
    """
    output = place.folder.with_name(f"{place.folder.name}.txt")
    output.touch()
    typed = [str(free_port()) if arg == "PORT" else arg for arg in args]
    process = FORKS.Process(target=_command, args=(place, typed, output))
    process.start()
    if args[0] == "ui":
        while process.is_alive() and "Ctrl-C stops" not in output.read_text():
            process.join(0.1)
        process.terminate()
    process.join(kill_after)
    if kill_after is not None:
        process.kill()
    process.join()
    assert process.exitcode is not None
    return Answer(process.exitcode, output.read_text())


def _command(place: Place, args: list[str], output: Path) -> None:
    descriptor = os.open(output, os.O_WRONLY | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout = sys.stderr = os.fdopen(descriptor, "w", buffering=1)
    os.chdir(place.folder)
    sys.exit(run([*args, "--home", str(place.home)]))


def apart(how: str, place: Place, *commands: tuple[str, ...]) -> list[Answer]:
    """Give commands in a mount namespace of their own, `how`: "full:FOLDER:KILOBYTES:waits" (or ":fails") or
    "locked".
    """
    command = [*NAMESPACE, sys.executable, "-m", "tests.fault_tests.command_runner", how, str(place.folder)]
    done = subprocess.run([*command, json.dumps(commands)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [Answer(**one) for one in json.loads(done.stdout.splitlines()[-1])]


def _full(place: Place, how: str, args: list[str]) -> list[Answer]:
    """Give a command with a disk of so many kB in the place of a folder, which has room when it has failed, or waits;
    then again.
    """
    _, name, size, waits = how.split(":")
    folder, aside = place.folder / name, place.folder / "aside"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, aside)
    options = f"size={int(size) + sum(-(-file.stat().st_size // 4096) * 4 for file in aside.rglob('*'))}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    shutil.copytree(aside, folder, dirs_exist_ok=True)
    if size == "0":
        _fill(folder / "filler")
    room = ["mount", "-o", "remount,size=1g", str(folder)]
    give(place, ("--version",))  # the imports, which take longer than what follows
    timer = threading.Timer(FREED_AFTER_SECONDS, subprocess.run, [room])
    if waits == "waits":
        timer.start()
    answers = [give(place, tuple(args))]
    timer.cancel()
    subprocess.run(room, check=True)
    return [*answers, give(place, tuple(args))]


def _fill(file: Path) -> None:
    """Write until not a byte more can be written."""
    with suppress(OSError), file.open("wb", buffering=0) as filler:
        while filler.write(bytes(4096)):
            pass


def _locked(place: Place, commands: list[list[str]]) -> list[Answer]:
    home = str(place.home)
    subprocess.run(["mount", "--bind", home, home], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", home], check=True)
    return [give(place, tuple(args)) for args in commands]


def main(how: str, folder: Path, args: list[str]) -> None:

    place = Place(folder, folder / "runs")
    answers = _locked(place, json.loads(args[0])) if how == "locked" else _full(place, how, json.loads(args[0])[0])
    print(json.dumps([asdict(one) for one in answers]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
