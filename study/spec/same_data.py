"""Finds the data of an earlier study by its checksum, even if its folder was moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import records as names
from reports.records import RunRecord
from trainers.data import DataError, ImageFolder, load
from trainers.paths import expanded, moved_to

from .config import StudyConfig

if TYPE_CHECKING:
    from trainers.data.classes import ClassData

    from ..stores.home import Home


def checksum_of(records: Sequence[RunRecord]) -> str:
    """Return the checksum of the data that the runs were trained on; "" if unknown."""
    return next((found for record in records if (found := record.tags.get(names.TAG_DATA_CHECKSUM))), "")


def recorded_path(client: Any, experiment_id: str) -> str:
    """Return the data folder of the study's last start from its MLflow experiment; "" if unknown."""
    parents = client.search_runs([experiment_id], f"tags.{names.TAG_ROLE} = '{names.ROLE_STUDY}'", max_results=1)
    return str(parents[0].data.tags.get(names.TAG_DATA_PATH, "")) if parents else ""


def with_same_data(
    spec: StudyConfig, checksum: str, home: Home, *, recorded: str = "", given: Path | None = None
) -> tuple[StudyConfig, ClassData]:
    """Return the spec of an earlier study with the folder of its data, and the data.

    Args:
        spec: of the earlier study.
        home: stores data sets.
        checksum: of its data; "" if unknown, then the first readable folder is used.
        recorded: the folder of its last start. It is tried first, then the spec's folder relative to the working
            folder, then (if the checksum is known) relative to the home's parent.
        given: the user's choice, instead of these.

    Raises DataError, listing each folder that was tried and both checksums, if none has the same data.
    """
    if given is not None and not isinstance(spec.data, ImageFolder):
        raise DataError(
            f'--data {given}: the data of "{spec.study.name}" is {spec.data.source}, which has no folder; leave it out'
        )
    problems = []
    for one in _candidates(spec, recorded, given, home.root.absolute().parent if checksum else None):
        try:
            data = load(one.data, home.data)
        except DataError as error:
            problems.append(str(error))
            continue
        if not checksum or data.checksum == checksum:
            return one, data
        problems.append(f"{place_of(one, home)} contains other data: its checksum is {data.checksum}")
    remedy = (
        "name the folder with the same data with --data PATH"
        if isinstance(spec.data, ImageFolder)
        else "restore its files, or use the package versions of that time"
    )
    raise DataError(
        f'the data of the study "{spec.study.name}" (checksum {checksum or "unknown"}) was not found; {remedy}.'
        " Tried:\n" + "\n".join(f"  {problem}" for problem in problems)
    )


def refuse_other_origin(config: StudyConfig, checksum: str) -> None:
    """Raise DataError if a study that follows a search does not use the search's data."""
    origin = config.ablation.origin if config.ablation else None
    if origin and origin.data_checksum not in (None, checksum):
        place = f" in {config.data.path}" if isinstance(config.data, ImageFolder) else ""
        raise DataError(
            f'the search "{origin.search}" was trained on data with the checksum {origin.data_checksum}, but the'
            f" data{place} has {checksum}, so their results are not comparable. Set [data] path to the folder with the"
            " same data"
        )


def place_of(spec: StudyConfig, home: Home) -> str:
    """Return where a spec's data is read from: its folder, or its name and the home's data folder."""
    return (
        str(spec.data.path) if isinstance(spec.data, ImageFolder) else f"{spec.data.source} in {home.data.absolute()}"
    )


def _candidates(spec: StudyConfig, recorded: str, given: Path | None, beside: Path | None) -> Iterator[StudyConfig]:
    """Yield the spec with each folder to try; relative paths are also resolved in `beside`."""
    if not isinstance(spec.data, ImageFolder):
        yield spec
        return
    own = spec.data.places  # relative paths are resolved in the working folder
    moved = {name: moved_to(beside, place) for name, place in own.items()} if beside else own
    if given is not None:
        paths = [expanded(given).absolute()]
    else:
        paths = [*([Path(recorded)] if recorded else []), own["path"], moved["path"]]
    skip = {name: place if place.exists() else moved[name] for name, place in own.items() if name != "path"}
    for path in dict.fromkeys(paths):
        yield replace(spec, data=spec.data.model_copy(update={"path": path, **skip}))
