"""What commands print for other programs: one JSON object on standard output, in a schema with a version."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

SCHEMA = 1
"""Raised when a key is removed or means something else; a new key raises nothing."""


def print_json(command: str, content: Mapping[str, Any]) -> None:
    """Print `content` with the schema's version and the command; what is no finite number is null."""
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
