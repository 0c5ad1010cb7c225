"""The search space of a study, for its report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reports.records import StudyInfo
from search_spaces.space import SearchSpace

from .config import SpecError
from .parsing import parse_spec


def dimensions(space: SearchSpace) -> dict[str, dict[str, Any]]:
    """Return dotted name -> {"low", "high"} with "log" or "step", or {"choices"}, ready for JSON."""
    return {path: space.dimensions[path].as_table() for path in sorted(space.dimensions)}


def with_space(info: StudyInfo) -> StudyInfo:
    """Return the study with what its settings were drawn from, and its base config; read from its spec where they are
    not recorded.
    """
    if not info.searched or (info.space and info.base) or not info.spec:
        return info
    try:
        config = parse_spec(info.spec, started=True)
    except SpecError:  # of another version: then the report takes the ranges from the trials
        return info
    base = {path: str(value) for path, value in config.method.settings(config.base).items()}
    space = info.space or (dimensions(config.space) if config.space else {})
    return replace(info, space=space, base=info.base or base)
