"""JSON output of commands: one object on standard output, with a schema version."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

SCHEMA = 1
"""Incremented when a key is removed or changes its meaning, not for new keys."""


def print_json(command: str, content: Mapping[str, Any]) -> None:
    """Print `content` with the schema version and the command; infinities and NaN become null."""
    tree = _plain({"schema": SCHEMA, "command": command, **content})
    sys.stdout.write(json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
