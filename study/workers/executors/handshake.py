"""What a worker shows before its first job: that it sees the driver's home, can write there, and runs the same code.

The driver writes a file of random content into the home. The worker reads it, and writes it into the checkpoints, where
the driver looks for it: an empty folder at the same path, or a copy of the home, cannot pass.
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
"""Of the files' names, in the home's locks and checkpoints."""
NAME = re.compile(rf"({PREFIX}[0-9a-f]{{32}})(-[0-9a-f]{{8}})?")
"""A driver's file, and with a second part a worker's."""


@dataclass(frozen=True)
class Code:
    """What must be the same wherever a study is trained."""

    python: str
    """Major and minor version."""
    torch: str
    """Version without its build: one machine may have a GPU, another none."""
    mamlab: str
    source: str
    """Start of the SHA-256 of mamlab's own files, which a version alone does not tell apart when it runs from
    source.
    """


@dataclass(frozen=True)
class Question:
    """What a worker is asked: about the home `root`, and `paths` of data outside it."""

    root: Path
    name: str
    paths: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Reply:
    """What a worker answered. `node` is its id in the cluster, `machine` what people call it."""

    node: str
    machine: str
    pid: int
    token: str
    """What the driver's file holds there; empty if it is not seen."""
    proof: str
    """Name of the file that was written into the checkpoints; empty with `why`."""
    why: str
    missing: tuple[Path, ...]
    code: Code


def own_code() -> Code:
    """Return what this process runs."""
    python = ".".join(platform.python_version_tuple()[:2])
    return Code(python, _version("torch").partition("+")[0], _version("mamlab"), _source())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "from source"


@cache
def _source() -> str:
    root, told = Path(__file__).parents[3], hashlib.sha256()
    for file in sorted(file for package in ("study", "trainers") for file in (root / package).rglob("*.py")):
        told.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return told.hexdigest()[:12]


def answer(question: Question, node: str, machine: str, pid: int) -> Reply:
    """Answer as the worker that this process is; writes nothing where the driver's file is not seen."""
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
    """The driver's side.

    Args:
        home: what every worker must see.
        paths: data outside the home that every worker must see.

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
        """Return what the worker's node lacks and how that is mended; empty if it can do the work."""
        shown = self._shown(reply)  # always, so that the file goes
        if reply.code != own_code():
            return f"has {_differences(reply.code, own_code())}: install the same there"
        if reply.token != self._token:
            return f"does not see the home {self._home.root}: mount it there at that path"
        if reply.why:
            return f"cannot write into {self._home.checkpoints} ({reply.why}): let its user write there"
        if not shown:
            return f"sees a different folder at {self._home.checkpoints}: mount this home's folder there"
        if reply.missing:
            return f"does not see the data {reply.missing[0]}: mount or copy them there, to that path"
        return ""

    def _locked(self, path: Path) -> IO[str]:
        """Write the driver's file, locked from its first moment under that name until this process ends."""
        new = path.with_name(f".{path.name}")
        file = new.open("w")
        with suppress(OSError):  # a file system that keeps no locks: then the next driver removes the file
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(self._token)
        file.flush()
        new.rename(path)
        return file

    def close(self) -> None:
        """Remove the driver's file, and what workers wrote that nobody looked at."""
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
    """Return the files of drivers that were killed, and of their workers: nobody holds the lock on such a driver's
    file.
    """
    held = {file.name for file in home.locks.glob(f"{PREFIX}*") if holder(file)}
    found = [*home.locks.glob(f"{PREFIX}*"), *home.checkpoints.glob(f"{PREFIX}*")]
    return sorted(file for file in found if (named := NAME.fullmatch(file.name)) and named[1] not in held)


def _differences(there: Code, here: Code) -> str:
    ours = asdict(here)
    names = {"source": "source of mamlab"}
    told = [
        f"{names.get(name, name)} {value} (here {ours[name]})"
        for name, value in asdict(there).items()
        if value != ours[name]
    ]
    return ", ".join(told)
