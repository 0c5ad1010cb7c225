"""One-line summary of a study's setting, for a report's title."""

from __future__ import annotations

from collections.abc import Sequence

from . import records as names
from .records import RunRecord, StudyInfo

DATA = {"omniglot": "Omniglot", "glyphs": "Glyphs", "cifar_fs": "CIFAR-FS", "image_folder": "images of a folder"}


def setting_of(records: Sequence[RunRecord], info: StudyInfo) -> str:
    """Return "5-way 1-shot Omniglot, 16 filters, 2,400 iterations": what all runs have in common, after "Search: " of a
    search; the study's name if that is unknown.
    """
    known = {path: _common(records, path) for path in ("episodes.ways", "episodes.shots", "model.filters")}
    epochs, iterations = (_common(records, f"budget.{name}") for name in ("epochs", "iterations"))
    data = {record.tags.get(names.TAG_DATA, "") for record in records}
    task = [f"{known['episodes.ways']}-way"] * bool(known["episodes.ways"])
    task += [f"{known['episodes.shots']}-shot"] * bool(known["episodes.shots"])
    if not task or info.source:
        return info.name
    task += [DATA.get(one, one) for one in data] if len(data) == 1 and "" not in data else []
    parts = [" ".join(task)]
    parts += [f"{known['model.filters']} filters"] * bool(known["model.filters"])
    if epochs.isdecimal() and iterations.isdecimal():
        parts.append(f"{int(epochs) * int(iterations):,} iterations")
    if info.across:
        parts.append(f"across {info.across.path} = {', '.join(map(str, info.across.values))}")
    return f"{'Search: ' * (info.kind == names.SEARCH)}{', '.join(parts)}"


def _common(records: Sequence[RunRecord], path: str) -> str:
    values = {record.params.get(path, "") for record in records}
    return values.pop() if len(values) == 1 else ""
