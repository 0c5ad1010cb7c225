"""Handshake before a worker's first job: it must see the driver's home, be able to write there, and run the same code.

The driver writes a file with random content into the home. The worker reads it and copies it to the checkpoints folder,
where the driver checks it: an empty folder at the same path, or a copy of the home, fails the check.
"""

from __future__ import annotations

import fcntl
import hashlib
import platform
import re
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO

from trainers.locks import holder

from ...stores.home import Home

PREFIX = "handshake-"
"""Prefix of the file names in the home's locks and checkpoints folders."""
NAME = re.compile(rf"({PREFIX}[0-9a-f]{{32}})(-[0-9a-f]{{8}})?")
"""A driver's file; with the second part, a worker's."""


@dataclass(frozen=True)
class Code:
    """Versions that must be the same on all machines of a study."""

    python: str
    """Major and minor version."""
    torch: str
    """Version without the build tag: one machine may have a GPU, another none."""
    mamlab: str
    source: str
    """Start of the SHA-256 of mamlab's own files: a checkout's version does not change with its code."""


@dataclass(frozen=True)
class Question:
    """What a worker is asked to check: the home `root`, and `paths` of data outside it."""

    root: Path
    name: str
    paths: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Reply:
    """A worker's reply. `node` is its id in the cluster, `machine` its address and host name."""

    node: str
    machine: str
    pid: int
    token: str
    """Content of the driver's file; empty if the worker cannot see it."""
    proof: str
    """Name of the file written to the checkpoints folder; empty with `why`."""
    why: str
    missing: tuple[Path, ...]
    code: Code


def own_code() -> Code:
    """Return the versions in this process."""
    python = ".".join(platform.python_version_tuple()[:2])
    return Code(python, _version("torch").partition("+")[0], _version("mamlab"), _source())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "from source"


@cache
def _source() -> str:
    root, digest = Path(__file__).parents[3], hashlib.sha256()
    for file in sorted(file for package in ("study", "trainers") for file in (root / package).rglob("*.py")):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def answer(question: Question, node: str, machine: str, pid: int) -> Reply:
    """Answer for the worker in this process; writes nothing if it cannot see the driver's file."""
    token, proof, why = "", "", ""
    with suppress(OSError):
        token = (question.root / "locks" / question.name).read_text()
    if token:
        file = question.root / "checkpoints" / f"{question.name}-{uuid.uuid4().hex[:8]}"
        try:
            file.write_text(token)
            proof = file.name
        except OSError as error:
            why = str(error)
    missing = tuple(path for path in question.paths if not path.exists())
    return Reply(node, machine, pid, token, proof, why, missing, own_code())


class Handshake:
    """The driver's side of the handshake.

    Args:
        home: must be visible to every worker.
        paths: data outside the home that must be visible to every worker.

    Raises OSError if the home cannot be written.
    """

    def __init__(self, home: Home, paths: tuple[Path, ...] = ()) -> None:
        self._token, self._home = uuid.uuid4().hex, home
        self.question = Question(home.root, f"{PREFIX}{uuid.uuid4().hex}", tuple(path.absolute() for path in paths))
        for folder in (home.locks, home.checkpoints):
            folder.mkdir(parents=True, exist_ok=True)
        for file in left_over(home):
            with suppress(OSError):
                file.unlink(missing_ok=True)
        self._file = self._locked(home.locks / self.question.name)

    def lack(self, reply: Reply) -> str:
        """Return what is wrong with the worker's node, and the remedy; empty if it can work."""
        shown = self._shown(reply)  # always, because it removes the file
        if reply.code != own_code():
            return f"has {_differences(reply.code, own_code())}: install the same version there"
        if reply.token != self._token:
            return f"does not see the home {self._home.root}: mount it there at that path"
        if reply.why:
            return f"cannot write to {self._home.checkpoints} ({reply.why}): give its user write permission"
        if not shown:
            return f"sees a different folder at {self._home.checkpoints}: mount this home's folder there"
        if reply.missing:
            return f"does not see the data {reply.missing[0]}: mount or copy the data there, to that path"
        return ""

    def _locked(self, path: Path) -> IO[str]:
        """Write the driver's file, already locked when it gets its name, until this process ends."""
        new = path.with_name(f".{path.name}")
        file = new.open("w")
        with suppress(OSError):  # without file locks, the next driver removes the file
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(self._token)
        file.flush()
        new.rename(path)
        return file

    def close(self) -> None:
        """Remove the driver's file and unread files of workers."""
        self._file.close()
        with suppress(OSError):
            for file in [
                *self._home.locks.glob(self.question.name),
                *self._home.checkpoints.glob(f"{self.question.name}-*"),
            ]:
                file.unlink(missing_ok=True)

    def _shown(self, reply: Reply) -> bool:
        if not reply.proof.startswith(self.question.name):
            return False
        file = self._home.checkpoints / reply.proof
        try:
            return file.read_text() == self._token
        except OSError:
            return False
        finally:
            with suppress(OSError):
                file.unlink(missing_ok=True)


def left_over(home: Home) -> list[Path]:
    """Return handshake files of dead drivers (their lock is free) and of their workers."""
    held = {file.name for file in home.locks.glob(f"{PREFIX}*") if holder(file)}
    found = [*home.locks.glob(f"{PREFIX}*"), *home.checkpoints.glob(f"{PREFIX}*")]
    return sorted(file for file in found if (named := NAME.fullmatch(file.name)) and named[1] not in held)


def _differences(there: Code, here: Code) -> str:
    ours = asdict(here)
    names = {"source": "source of mamlab"}
    return ", ".join(
        f"{names.get(name, name)} {value} (here {ours[name]})"
        for name, value in asdict(there).items()
        if value != ours[name]
    )
