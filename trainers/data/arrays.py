"""Array types, and a checksummed file cache for arrays."""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..disk import naming
from ..locks import locked

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Indices = NDArray[np.int64]
Arrays = dict[str, NDArray[Any]]

_CHECKSUM_LENGTH = 64
MAPPED = 2**20
"""Arrays of at least this many bytes are memory-mapped."""
_HEADERS: dict[tuple[int, int], Callable[[IO[bytes]], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


def cached(path: Path, make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays in `path`; compute and store them if the file is missing or its checksum is wrong.

    Large arrays are memory-mapped from the file. Concurrent processes wait for one of them to write it. If the folder
    is not writable or its disk is full, the arrays are computed each time.
    """
    if (arrays := _read(path)) is not None:
        return arrays
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("a")
    except OSError:
        return make()
    with lock, locked(lock, Path(lock.name)):
        if (arrays := _read(path)) is None:
            arrays = make()
            with suppress(OSError):
                _write(path, arrays)
        return arrays


def _read(path: Path) -> Arrays | None:
    """Return the arrays, or None if the file is missing or damaged."""
    try:
        file = path.open("rb")
    except OSError:
        return None
    with naming(path), file:
        checksum = file.read(_CHECKSUM_LENGTH)
        if checksum != _sha256(file):
            return None
        file.seek(_CHECKSUM_LENGTH)
        with np.load(file, allow_pickle=False) as stored:
            mapped = _mapped(file, stored.zip)
            return {name: stored[name] for name in stored.files if name not in mapped} | mapped


def _mapped(file: BufferedReader, archive: zipfile.ZipFile) -> Arrays:
    """Return the large arrays of the `archive` in the open `file`, memory-mapped from disk and shared between
    processes.

    Writes are private to the process (copy on write). Files are replaced, never changed.
    """
    found: Arrays = {}
    for member in archive.infolist():
        if member.file_size < MAPPED or member.compress_type != zipfile.ZIP_STORED:
            continue
        with archive.open(member) as content:
            if (read := _HEADERS.get(npy.read_magic(content))) is None:
                continue
            shape, fortran, dtype = read(content)
            header = content.tell()
        begin = _begin(file, member.header_offset) + header
        with suppress(OSError):  # no memory mapping on this file system
            array = np.memmap(file, dtype, "c", begin, shape, "F" if fortran else "C")
            found[member.filename.removesuffix(".npy")] = array
    return found


def _begin(file: BufferedReader, header: int) -> int:
    """Return the offset of a zip member's content; its header is at offset `header`."""
    file.seek(header)
    name, extra = struct.unpack("<26xHH", file.read(30))
    return header + 30 + int(name) + int(extra)


def _write(path: Path, arrays: Arrays) -> None:
    """Write checksum and arrays to a temporary file and rename it, so that no reader sees a partial file."""
    temporary = path.with_suffix(".tmp")  # a fixed name is safe: the caller holds the lock
    try:
        with temporary.open("w+b") as file:
            file.write(bytes(_CHECKSUM_LENGTH))
            np.savez(file, allow_pickle=False, **arrays)
            checksum = _sha256(file)
            file.write(checksum)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sha256(file: BufferedReader | BufferedRandom) -> bytes:
    """Return the checksum of the content after the header, and seek back to the start of the file."""
    file.seek(_CHECKSUM_LENGTH)
    digest = hashlib.file_digest(file, "sha256")
    file.seek(0)
    return digest.hexdigest().encode()
