"""Checkpoints for bit-identical resumption, in one folder per training.

Files are written atomically, begin with the SHA-256 of the rest, and are read with ``weights_only=True``. A training
keeps its last two epochs, so that a damaged newest file can be replaced by the one before. A finished training keeps
only ``final.ckpt``, with the weights of its k best epochs.
"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from .disk import naming
from .errors import MamlabError
from .locks import UNKNOWN, holder, take

State = dict[str, Any]
_KEPT = 2


class TrainingBusy(MamlabError, RuntimeError):
    """Another process runs this training: `holder` names its host, its process id and the start time."""

    def __init__(self, fingerprint: str, holder: str) -> None:
        self.holder = holder
        super().__init__(f"{fingerprint[:12]} is being trained by another process ({holder})")


class StaleAttempt(RuntimeError):
    """A newer attempt has taken over this training, so this one must not write."""


class CheckpointFolder:
    """The checkpoints of one training.

    Args:
        path: the folder; made when the first file is written.
        token: identifies this attempt; writes fail once another attempt has taken over the folder.
        keep_all: keep every epoch's state, even after the end.
    """

    def __init__(self, path: Path, token: str = "", *, keep_all: bool = False) -> None:
        self.path = path
        self.token = token
        self._keep_all = keep_all
        self._lock: IO[str] | None = None

    def acquire(self) -> None:
        """Take the training's lock, released at process exit at the latest. Raises TrainingBusy if held, OSError."""
        self.path.mkdir(parents=True, exist_ok=True)
        file = self.path / "lock"
        lock = file.open("a")
        if not take(lock):
            lock.close()
            raise TrainingBusy(self.path.name, holder(file) or UNKNOWN)
        self._lock = lock
        _write(self.path / "attempt", self.token.encode())

    def release(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def finished(self) -> bool:
        """Whether the training has finished and its final state is intact."""
        return self._final.exists() and _payload(self._final) is not None

    def load(self) -> State | None:
        """Return the newest intact state, or None. A damaged file is skipped with a warning and renamed to .damaged."""
        for file in [self._final, *reversed(self._epochs())]:
            if file.exists():
                state = _read(file)
                if state is not None:
                    return state
                warnings.warn(f"{file} is damaged and was skipped", RuntimeWarning, stacklevel=2)
                file.replace(file.with_suffix(".damaged"))
        return None

    def peek(self) -> State | None:
        """Return what `load` would, without renaming any file."""
        states = (_read(file) for file in [self._final, *reversed(self._epochs())] if file.exists())
        return next((state for state in states if state is not None), None)

    def every_epoch(self) -> Iterator[State]:
        """Yield the state after each epoch that is kept, in their order; a damaged one is left out."""
        for file in self._epochs():
            if (state := _read(file)) is not None:
                yield state

    def leftovers(self) -> list[Path]:
        """Return useless files: partial, damaged, or of single epochs after the training has ended."""
        states = [file for file in [self._final, *self._epochs()] if file.exists()]
        damaged = [file for file in states if _payload(file) is None]
        old = self._epochs() if self._final in states and self._final not in damaged and not self._keep_all else []
        return sorted({*self.path.glob("*.tmp-*"), *self.path.glob("*.damaged"), *damaged, *old})

    def save(self, epoch: int, state: State) -> None:
        """Write the state after `epoch` and remove all but the last two. Raises StaleAttempt, OSError."""
        self._write_state(self.path / f"epoch-{epoch:06d}.ckpt", state)
        self._forget(self._epochs()[:-_KEPT])

    def finish(self, state: State) -> None:
        """Write the final state and remove those of the epochs. Raises StaleAttempt, OSError."""
        self._write_state(self._final, state)
        self._forget(self._epochs())

    def remove(self) -> None:
        """Remove every state; the folder and its lock stay, because a process may be waiting for it."""
        for file in [*self.path.glob("*.ckpt"), *self.path.glob("*.damaged"), *self.path.glob("*.tmp-*")]:
            file.unlink(missing_ok=True)

    def _forget(self, files: list[Path]) -> None:
        for file in [] if self._keep_all else files:
            file.unlink()

    @property
    def _final(self) -> Path:
        return self.path / "final.ckpt"

    def _epochs(self) -> list[Path]:
        return sorted(self.path.glob("epoch-*.ckpt"))

    def _write_state(self, file: Path, state: State) -> None:
        if self._lock is None:  # else `acquire` made the folder: if it is gone, so is its disk
            self.path.mkdir(parents=True, exist_ok=True)
        elif (self.path / "attempt").read_text() != self.token:
            raise StaleAttempt(f"a newer attempt has taken over {self.path.name[:12]}; this one ({self.token}) stops")
        import torch

        buffer = io.BytesIO()
        torch.save(state, buffer)
        payload = buffer.getvalue()
        _write(file, hashlib.sha256(payload).digest() + payload)


def _write(file: Path, content: bytes) -> None:
    """Write `file` atomically."""
    temporary = file.with_name(f"{file.name}.tmp-{os.getpid()}")
    try:
        with naming(file, len(content)), temporary.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _payload(file: Path) -> bytes | None:
    """Return the content after the checksum in `file`, or None if they do not match."""
    with naming(file):
        content = file.read_bytes()
    return content[32:] if hashlib.sha256(content[32:]).digest() == content[:32] else None


def _read(file: Path) -> State | None:
    """Return the state in `file`, or None if it is damaged or not a state."""
    payload = _payload(file)
    if payload is None:
        return None
    import torch

    try:
        state: State = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception:  # torch raises many types, also for a file that would run code
        return None
    return state
