"""What a space is given from Python: NumPy's numbers and arrays, names, configs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from trainers.error_messages import show
from trainers.errors import InputError
from trainers.sections import plain


def listed(choices: Any) -> Any:
    """Return the values of a sequence or an array as a list; anything else unchanged."""
    if hasattr(choices, "tolist"):
        return choices.tolist()
    if not choices or isinstance(choices, str | bytes) or not isinstance(choices, Sequence):
        return choices
    return [plain(one) for one in choices]


def wrong_names(dimensions: Mapping[Any, Any], fixed: Any) -> list[str]:
    """Return what is wrong with the paths of what varies and of what is fixed."""
    if not isinstance(fixed, Mapping):
        return [f"space.fix: must be a dict of dotted setting -> value, not {show(fixed)}"]
    return [
        f'space: the name of a setting must be a text such as "outer.lr", not {show(path)}'
        for path in (*dimensions, *fixed)
        if not isinstance(path, str)
    ]


def tree_of(base: Any) -> Mapping[str, Any]:
    """Return the settings of a config, or a dict of settings unchanged. Raises InputError for anything else."""
    if isinstance(base, BaseModel):
        return base.model_dump()
    if isinstance(base, Mapping):
        return base
    raise InputError(
        f'base: must be a config, such as mamlab.preset("maml"), or a dict of its settings, not {show(base)}'
    )
