"""How mamlab writes into a folder that a user names: beside, flushed, renamed, with the manifest last; and never over
what is not its own.

All files are written into `.mamlab-writing` in the folder first. When they and their manifest are on the disk, they are
renamed into place, and the manifest after them. A process that dies before leaves the folder as it was; one that dies
between the renames leaves the rest in `.mamlab-writing`, and whoever writes or reads the folder next finishes the
renames.
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
"""So long is another process waited for that writes into the same folder."""


def _nothing(folder: Path) -> str | None:
    return None


@dataclass(frozen=True)
class Contents:
    """What is to be written.

    Attributes:
        what: REPORT or MODEL.
        study: of which study.
        earlier: returns the study of what mamlab wrote into a folder before there were manifests, or None if it holds
            no such thing.
        earlier_files: returns the names of its files; it is told the names that are written now.
    """

    what: str
    study: str
    earlier: Callable[[Path], str | None] = _nothing
    earlier_files: Callable[[Path, Collection[str]], Collection[str]] = lambda folder, names: ()

    @property
    def way_out(self) -> str:
        """What to do about a folder that cannot take it."""
        return "name another one with --out FOLDER" if self.what == REPORT else "name another one"


@contextmanager
def writing_into(folder: Path, contents: Contents) -> Iterator[Path]:
    """Yield an empty folder; what is in it at the end becomes the contents of `folder`, all of it or nothing.

    Files that the folder's manifest lists are replaced, or removed where they are not written again and nobody changed
    them; others stay. Raises ReportError if the folder holds something else, or cannot be written.
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
    """Raise ReportError if `folder` is a file, or holds something else than an earlier version of `contents`."""
    if not os.path.lexists(folder):
        return
    _make(folder, contents)
    with _told(folder, contents):
        finish_writing(folder)
        _owned(folder, contents)


def finish_writing(folder: Path) -> None:
    """Finish what a process that died has left half renamed in `folder`. Raises ReportError if that cannot be done."""
    if not (folder / WRITING / MANIFEST).is_file():
        return
    try:
        with _alone(folder) as place:
            _finish(folder, place)
    except OSError as error:
        raise ReportError(
            f"the writing of {folder} was interrupted, and cannot be finished: {reason(error)}; make it writable, or"
            " read a whole copy"
        ) from error


def _make(folder: Path, contents: Contents) -> bool:
    """Make the folder; return whether it was not there."""
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
    """Turn what the system refuses into one line that names the folder."""
    try:
        yield
    except OSError as error:
        raise ReportError(
            f"the {contents.what}'s folder {folder} cannot be written: {reason(error)}; what it held is still there. "
            f"Make room or make it writable, or {contents.way_out}"
        ) from error


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """Yield `.mamlab-writing` in `folder`, which no other process writes into meanwhile; it is removed unless renames
    are left.

    Raises ReportError if another process writes there for long.
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
    """Return the open lock file of `place`, or None if another process has it. A file system without locks is taken as
    free.
    """
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
    """Return what of `folder` is mamlab's. Raises ReportError if it is not empty, and not the same study's contents."""
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
    """Put the files that were written into their places."""
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
    """Rename what lies in `place` with its manifest into `folder`, if there is any; what lies there without one is
    removed.
    """
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
    """Raise ReportError if a file is to be written where there is one that is not mamlab's, or through a link."""
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
    """Remove a file of an earlier version of the contents, unless somebody changed it since."""
    path = folder / name
    if _is_plain(folder, name) and path.is_file() and checksum(path) == digest:
        path.unlink()
