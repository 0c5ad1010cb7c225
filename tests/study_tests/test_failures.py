"""What a machine's errors are called, and that an unexpected one promises nothing."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import pytest

from study.cli.main import run
from study.stores.system_errors import explained

from .store_rows import fresh_home


def caused(by: Exception) -> Exception:
    error = RuntimeError("a library's")
    error.__cause__ = by
    return error


def limit() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "", "/a/b"), "/a/b could not be written: No space left on device. Free some disk space"),
        (
            PermissionError(errno.EACCES, "", "/a/b"),
            "/a/b cannot be opened or written: Permission denied. Change its permissions",
        ),
        (OSError(errno.EROFS, "", "/a/b"), "/a/b cannot be opened or written: Read-only file system"),
        (OSError(errno.EIO, "", "/a/b"), "/a/b could not be read or written: Input/output error. Check that disk"),
        (OSError(errno.EMFILE, ""), f"too many open files: the limit for a process is {limit()} (ulimit -n); raise it"),
    ],
)
def test_a_machines_error_is_one_line_with_the_way_out(error: Exception, told: str) -> None:
    for one in (error, caused(error)):
        text = explained(one)
        assert text is not None
        assert text.startswith(told)
        assert "\n" not in text


def test_another_error_is_a_fault_of_ours() -> None:
    assert explained(FileNotFoundError(errno.ENOENT, "", "/a/b")) is None
    assert explained(KeyError("x")) is None


def test_a_damaged_file_is_one_line_of_every_command_and_nothing_is_promised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = fresh_home(tmp_path)
    home.mlflow_db.write_text("this was a database once")
    for command in (
        ["status"],
        ["report", "s"],
        ["doctor", "s"],
        ["doctor", "s", "--fix"],
        ["clean"],
        ["export", "s", "m"],
        ["promote", "s"],
        ["ui"],
    ):
        assert run([*command, "--home", str(tmp_path)]) == 2
        *doing, line = capsys.readouterr().err.splitlines()
        assert all(one.startswith(("Loading ", "Reading ")) for one in doing)
        assert line.startswith(
            f"error: {home.mlflow_db} is not a SQLite database; restore it from a backup, or set it aside with: mv"
            f" {home.mlflow_db} "
        )
