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
    """Return the study info with its search space, from the spec if an earlier version did not record it."""
    if not info.searched or info.space or not info.spec:
        return info
    try:
        space = parse_spec(info.spec, started=True).space
    except SpecError:  # from another version: the report then takes the ranges from the trials
        return info
    return info if space is None else replace(info, space=dimensions(space))
