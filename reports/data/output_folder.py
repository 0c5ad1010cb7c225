"""Writes into a user's folder atomically, and never over files that mamlab did not make.


All files are written into `.mamlab-writing` in the folder first. When they and their manifest are on the disk, they are
renamed into place, and the manifest after them. A process killed before that leaves the folder unchanged; one killed
between the renames leaves the rest in `.mamlab-writing`, and the next process that writes or reads the folder finishes
them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..records import ReportError
from .atomic_file import reason, sync
from .manifest import MANIFEST, REPORT, Manifest, checksum, read_manifest

WRITING, FILES = ".mamlab-writing", "files"
LOCK_SECONDS = 60.0
"""Seconds to wait for another process that writes into the same folder."""


def _nothing(folder: Path) -> str | None:
    return None


@dataclass(frozen=True)
class Contents:
    """What to write.

    Attributes:
        what: REPORT or MODEL.
        study: name of the study.
        earlier: returns the study of a folder that an earlier version wrote without a manifest, or None.
        earlier_files: returns that folder's file names; its argument is the names that are written now.
    """

    what: str
    study: str
    earlier: Callable[[Path], str | None] = _nothing
    earlier_files: Callable[[Path, Collection[str]], Collection[str]] = lambda folder, names: ()

    @property
    def way_out(self) -> str:
        """What the user can do if the folder cannot be used."""
        return "name another one with --out FOLDER" if self.what == REPORT else "name another one"


@contextmanager
def writing_into(folder: Path, contents: Contents) -> Iterator[Path]:
    """Yield an empty folder; its contents at the end become those of `folder`, all or nothing.

    Files in the folder's manifest are replaced, or removed if they are not written again and were not changed; others
    stay. Raises ReportError if the folder holds something else, or cannot be written.
    """
    made = _make(folder, contents)
    try:
        with _told(folder, contents), _alone(folder) as place:
            _finish(folder, place)
            old = _owned(folder, contents)
            (place / FILES).mkdir()
            yield place / FILES
            _commit(folder, place, contents, old)
    except BaseException:
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise


def refuse_foreign(folder: Path, contents: Contents) -> None:
    """Raise ReportError if `folder` is a file, or holds anything but an earlier version of `contents`."""
    if not os.path.lexists(folder):
        return
    _make(folder, contents)
    with _told(folder, contents):
        finish_writing(folder)
        _owned(folder, contents)


def finish_writing(folder: Path) -> None:
    """Finish the renames that a killed process left in `folder`. Raises ReportError if that cannot be done."""
    if not (folder / WRITING / MANIFEST).is_file():
        return
    try:
        with _alone(folder) as place:
            _finish(folder, place)
    except OSError as error:
        raise ReportError(
            f"writing {folder} was interrupted and cannot be finished: {reason(error)}; make it writable, or"
            " use an intact copy"
        ) from error


def _make(folder: Path, contents: Contents) -> bool:
    """Create the folder; return whether it was missing."""
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(
            f"the {contents.what}'s folder {folder} cannot be made: {reason(error)}; {contents.way_out}"
        ) from error
    return made


@contextmanager
def _told(folder: Path, contents: Contents) -> Iterator[None]:
    """Turn system errors into one line that names the folder."""
    try:
        yield
    except OSError as error:
        raise ReportError(
            f"the {contents.what}'s folder {folder} cannot be written: {reason(error)}; its old contents are intact. "
            f"Free disk space or make it writable, or {contents.way_out}"
        ) from error


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """Yield `.mamlab-writing` in `folder`, locked against other processes; it is removed unless renames are left.

    Raises ReportError if another process keeps writing there.
    """
    place, end = folder / WRITING, time.monotonic() + LOCK_SECONDS
    if place.is_symlink():
        raise ReportError(f"{place} is a link, and is not followed; remove it")
    while (lock := _lock(place)) is None:
        if time.monotonic() > end:
            raise ReportError(f"{_holder(place)} is writing into {folder}; wait for it, or end it")
        time.sleep(0.1)
    try:
        yield place
    finally:
        if not (place / MANIFEST).is_file():
            shutil.rmtree(place, ignore_errors=True)
        lock.close()


def _lock(place: Path) -> IO[str] | None:
    """Return the open lock file of `place`, or None if another process holds it; never None without lock support."""
    place.mkdir(exist_ok=True)
    try:
        lock = (place / "lock").open("a")
    except FileNotFoundError:  # another process has just removed the folder
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    except OSError:
        pass
    if not _is_same(lock.fileno(), place / "lock"):
        lock.close()
        return None
    lock.truncate(0)
    lock.write(f"process {os.getpid()}")
    lock.flush()
    return lock


def _holder(place: Path) -> str:
    with suppress(OSError):
        return (place / "lock").read_text() or "another process"
    return "another process"


def _is_same(descriptor: int, path: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _owned(folder: Path, contents: Contents) -> Manifest:
    """Return the manifest of mamlab's files in `folder`. Raises ReportError if it holds anything but this study's."""
    manifest = read_manifest(folder)
    others = sorted(path.name for path in folder.iterdir() if path.name != WRITING)
    if manifest is None and not others:
        return Manifest(contents.what, contents.study)
    if manifest is None:
        study = contents.earlier(folder)
        if study is None:
            raise ReportError(
                f"{folder} is not empty ({others[0]}), and mamlab did not make it, so nothing is written there;"
                f" {contents.way_out}"
            )
        manifest = Manifest(contents.what, study, adopted=True)
    if (manifest.what, manifest.study) != (contents.what, contents.study):
        raise ReportError(f'{folder} holds the {manifest.what} of the study "{manifest.study}"; {contents.way_out}')
    return manifest


def _commit(folder: Path, place: Path, contents: Contents, old: Manifest) -> None:
    """Rename the written files into place."""
    written = [path for path in (place / FILES).rglob("*") if path.is_file()]
    names = [path.relative_to(place / FILES).as_posix() for path in written]
    if old.adopted:
        ours = _files_among(folder, old.files or contents.earlier_files(folder, names))
        old = Manifest.of(folder, old.what, old.study, ours, adopted=True)
    _refuse_unlisted(folder, names, old)
    for path in {*written, *(path.parent for path in written)}:
        sync(path)
    if old.adopted:
        _put(folder / MANIFEST, old.to_text(), place)
    _put(place / MANIFEST, Manifest.of(place / FILES, contents.what, contents.study, names).to_text(), place)
    _finish(folder, place)


def _files_among(folder: Path, names: Iterable[str]) -> list[str]:
    return [name for name in names if _is_plain(folder, name) and (folder / name).is_file()]


def _put(file: Path, text: str, place: Path) -> None:
    beside = place / "manifest.tmp"
    beside.write_text(text, encoding="utf-8", newline="\n")
    sync(beside)
    beside.replace(file)
    sync(file.parent)


def _finish(folder: Path, place: Path) -> None:
    """Rename the files in `place` into `folder` if their manifest is there; remove them otherwise."""
    new = read_manifest(place)
    if new is not None:
        old = read_manifest(folder) or Manifest(new.what, new.study)
        waiting = [name for name in new.files if (place / FILES / name).is_file()]
        _refuse_unlisted(folder, waiting, old)
        for name in waiting:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (place / FILES / name).replace(folder / name)
        for name in old.files.keys() - new.files.keys():
            _remove(folder, name, old.files[name])
        for path in {folder / name for name in new.files}:
            sync(path.parent)
        (place / MANIFEST).replace(folder / MANIFEST)
        sync(folder)
    shutil.rmtree(place / FILES, ignore_errors=True)


def _refuse_unlisted(folder: Path, names: Iterable[str], old: Manifest) -> None:
    """Raise ReportError if a file would replace one that is not mamlab's, or be written through a link."""
    for name in names:
        there = os.path.lexists(folder / name)
        if not _is_plain(folder, name) or (there and not (name in old.files and (folder / name).is_file())):
            raise ReportError(
                f"{folder / name} is there, and mamlab did not write it (or it is a link), so nothing was written; "
                "move it away, or name another folder"
            )


def _is_plain(folder: Path, name: str) -> bool:
    """Return whether no part of `name` in `folder` is a link, or a file where a folder should be."""
    path = folder / name
    parents = [parent for parent in path.parents if parent.is_relative_to(folder) and parent != folder]
    return not any(part.is_symlink() for part in [path, *parents]) and all(
        parent.is_dir() or not parent.exists() for parent in parents
    )


def _remove(folder: Path, name: str, digest: str) -> None:
    """Remove a file of an earlier version of the contents, unless it was changed since."""
    path = folder / name
    if _is_plain(folder, name) and path.is_file() and checksum(path) == digest:
        path.unlink()
