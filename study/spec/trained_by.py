"""The training function in a training's fingerprint: its address, and the source of its module."""

from __future__ import annotations

import hashlib
import re
from importlib.util import find_spec
from pathlib import Path

from trainers.error_messages import show
from trainers.errors import InputError
from trainers.known_method import MAMLPP as MAMLPP_METHOD
from trainers.known_method import KnownMethod

MAMLPP = "trainers.training:train"
"""The default training function."""


def trained_by(address: str) -> str:
    """Return the part of a fingerprint for the function `address` ("module:name"); empty for MAML++'s own.

    It includes the SHA-256 of the module's file, because names may clash and code changes. Raises InputError if workers
    could not import the module.
    """
    if address == MAMLPP:
        return ""
    source = _source(address)
    return f"{address} (SHA-256 of its module: {hashlib.sha256(source.read_bytes()).hexdigest()})"


def trained_by_method(method: KnownMethod) -> str:
    """Return what a fingerprint has of a method: where it is, its name, version and source; empty for MAML++."""
    if method.is_mamlpp:
        return ""
    source = hashlib.sha256(_source(method.address).read_bytes()).hexdigest()
    return f"{method.address} ({method.name}, version {method.own.version}; SHA-256 of its module: {source})"


def without_source(found: str) -> str:
    """Return what `trained_by_method` says, but for the source."""
    return found.partition("; SHA-256")[0]


def refuse_other_trainer(study: str, found: str, what: str, method: KnownMethod = MAMLPP_METHOD) -> None:
    """Raise InputError if `what` ("promote", ...) is asked of a `study` that something else than its `method` has
    trained: `found` is what its records say of that.
    """
    if found and method.is_mamlpp:
        raise InputError(
            f'study "{study}" was trained by {found.partition(" ")[0]}, not by MAML++, so mamlab {what} cannot use its'
            f" configs and weights. To see its results: mamlab report {study}"
        )


def _source(address: str) -> Path:
    where = f"trainer = {show(address)}"
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", address):
        raise InputError(f'{where}: must be a function as "module:name", such as "my_project.training:train"')
    module = address.partition(":")[0]
    try:
        spec = find_spec(module) if module != "__main__" else None
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        raise InputError(
            f"{where}: workers cannot import the module {module}; put the function into a module beside your script, or"
            " add its folder to PYTHONPATH"
        )
    return Path(spec.origin)
