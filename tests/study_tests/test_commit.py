"""Which commit a run says it is of: our checkout's, else the build's, never that of a repository around a copy."""

import shutil
import subprocess
from pathlib import Path

import pytest

from study import commit
from study.commit import checkout_commit, source_commit

FILES = ("pyproject.toml", "study/commit.py")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def repository(folder: Path, *added: str) -> str:
    """Make `folder` a repository with one commit, of the files named, and return the commit."""
    git(folder, "init", "--quiet")
    (folder / "a.txt").write_text("a")
    git(folder, "add", "a.txt", *added)
    git(folder, "commit", "--quiet", "--message", "first")
    return git(folder, "rev-parse", "HEAD")


def copy(folder: Path, *, whole: bool) -> Path:
    """Put our files into `folder`, with pyproject.toml if `whole`, and return their package."""
    for name in FILES if whole else FILES[1:]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(commit.__file__).parents[1] / name, folder / name)
    return folder / "study"


def test_a_checkout_says_its_commit(tmp_path: Path) -> None:
    package = copy(tmp_path, whole=True)
    assert source_commit(package) is None
    head = repository(tmp_path, *FILES)
    assert source_commit(package) == head


@pytest.mark.parametrize("built", ["", "0123456789\n"])
@pytest.mark.parametrize("whole", [False, True])
def test_a_copy_in_another_repository_says_what_it_was_built_from_or_nothing(
    whole: bool, built: str, tmp_path: Path
) -> None:
    package = copy(tmp_path / "venv" / "site-packages", whole=whole)
    if built:
        (package / "commit.txt").write_text(built)
    repository(tmp_path)
    assert source_commit(package) == (built.strip() or None)


def test_another_project_that_keeps_our_package_in_its_repository_is_not_our_checkout(tmp_path: Path) -> None:
    copy(tmp_path, whole=False)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\n')
    repository(tmp_path, *FILES)
    assert checkout_commit(tmp_path) is None


def test_in_a_hook_of_git_the_repository_that_is_committed_to_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ours", "other"):
        (tmp_path / name).mkdir()
    package = copy(tmp_path / "ours", whole=True)
    head = repository(tmp_path / "ours", *FILES)
    assert repository(tmp_path / "other") != head
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert source_commit(package) == head
