"""The overviews of a home's studies: from valid snapshots, otherwise from the stores."""

from __future__ import annotations

from collections.abc import Callable

from ..stores import change_marks
from ..stores.home import Home
from ..stores.study_names import require_store
from .overview import Overview
from .snapshot import content_of, read_snapshot, write_snapshot

READING = "Reading MLflow ..."


def overviews(home: Home, tell: Callable[[str], None]) -> list[Overview]:
    """Return all studies of a home, newest first; `tell` reports slow steps. Raises UnknownStudyError if none."""
    names = change_marks.studies(home)
    found = [read_snapshot(home, name) for name in names or ()]
    if names and all(found):
        return [one for one in found if one]
    require_store(home)
    tell(READING)
    from .status import read_studies

    return [_kept(home, study.overview) for study in read_studies(home)]


def overview(home: Home, name: str, tell: Callable[[str], None]) -> Overview:
    """Return one study; `tell` reports slow steps. Raises UnknownStudyError if it does not exist."""
    if found := read_snapshot(home, name):
        return found
    require_store(home)
    tell(READING)
    from .status import read_study

    return _kept(home, read_study(home, name).overview)


def _kept(home: Home, found: Overview) -> Overview:
    """Return an overview; save it as a snapshot if it has no problems or notes and no driver is running."""
    if not (home.stores or found.driver or found.problem or found.missing or found.notes):
        write_snapshot(home, found, content_of(home, found.name, found.experiment_id))
    return found
