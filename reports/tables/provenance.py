"""Provenance: data, code, versions and devices, and whether runs differ in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .. import records as names
from ..data.facts import json_tag
from ..records import RunRecord, StudyInfo
from ..statistics.arms import count_states
from ..statistics.summary import finite
from ..text import duration
from .cells import Cell, Column, Table, states_text
from .dates import period

ALL_ALIKE = "no: one data set, commit, device and set of versions"
MIXED = (names.TAG_DATA_CHECKSUM, names.TAG_GIT_COMMIT, names.TAG_DEVICE)
SPLIT = (
    "The split into training, validation and test classes is fixed. Seeds vary the weights, tasks and test tasks of"
    " the same classes, so intervals and p values generalise to other seeds, not to other classes."
)
OWN = (
    "Trained by a method that is not mamlab's own: that equal seeds give equal results, and that an interrupted"
    " training goes on as if it had not been, is as that method does it; mamlab method check tries both."
)
TITLE = "Where the numbers come from"
LABELS = {
    names.TAG_DATA: "Data",
    names.TAG_DATA_CHECKSUM: "Data checksum",
    names.TAG_GIT_COMMIT: "Commit",
    names.TAG_DEVICE: "Device",
}


def mixed(records: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return what differs between runs: "data checksum", "commit", "device", "versions of torch"."""
    found = [LABELS[tag].lower() for tag in MIXED if len({r.tags[tag] for r in records if r.tags.get(tag)}) > 1]
    packages = [package for package, count in _packages(records).items() if len(count) > 1]
    return (*found, f"versions of {', '.join(packages)}") if packages else tuple(found)


def provenance_table(records: Sequence[RunRecord], info: StudyInfo) -> Table:
    """Return the facts needed to judge or repeat the study."""
    reused = sum(1 for record in records if record.tags.get(names.TAG_REUSED_FROM))
    trained = [
        s for r in records if not r.tags.get(names.TAG_REUSED_FROM) and (s := finite(r, names.SECONDS)) is not None
    ]
    rows = [
        ("Study", f"{info.name} ({'results compared' if info.source else info.kind or 'kind unknown'})"),
        ("Runs", f"{len(records)}: {states_text(count_states(records))}"),
    ]
    rows += [("Source", info.source)] * bool(info.source)
    rows += [("Parts", info.description)] * bool(info.description)
    rows += [("Trained by", info.trained_by)] * bool(info.trained_by)
    rows += [("Seeds", _seeds(records))]
    rows += [("Dates", dates)] if (dates := period(records)) else []
    if trained or not info.source:
        rows.append(("Training time", f"{duration(sum(trained))} over {len(trained)} runs"))
    if reused:
        text = f"{reused} runs reuse an earlier training with the same fingerprint; its study has the commit"
        rows.append(("Reused", text))
    if resumed := [int(times) for r in records if (times := r.tags.get(names.TAG_RESUMED, "")).isdecimal()]:
        rows.append(("Interrupted", f"{len(resumed)} runs were interrupted and resumed, {sum(resumed)} times in all"))
    rows += _elsewhere() if info.source else _circumstances(records)
    cells = tuple((Cell(name, name), Cell(text, text)) for name, text in rows)
    scope = () if info.source else (OWN,) if info.trained_by else (SPLIT,)
    return Table(TITLE, (Column("What"), Column("Value")), cells, scope)


def _circumstances(records: Sequence[RunRecord]) -> list[tuple[str, str]]:
    rows = [(label, _counted(Counter(r.tags.get(tag, "unknown") for r in records))) for tag, label in LABELS.items()]
    versions = [f"{package} {_counted(count)}" for package, count in _packages(records).items()]
    rows += [("Versions", "; ".join(versions) or "unknown")]
    different = mixed(records)
    text = f"{'; '.join(different)}: compare with care" if different else ALL_ALIKE
    return [*rows, ("Mixed", text)]


def _elsewhere() -> list[tuple[str, str]]:
    """Return what is unknown about results that mamlab did not train."""
    return [("Data, code, device and versions", "unknown to mamlab; see the source")]


def _seeds(records: Sequence[RunRecord]) -> str:
    seeds = sorted({record.seed for record in records if record.seed is not None})
    return ", ".join(map(str, seeds)) or "unknown"


def _packages(records: Sequence[RunRecord]) -> dict[str, Counter[str]]:
    """Return package -> version -> number of runs; a tag that is no JSON object counts as a package "environment"."""
    found: dict[str, Counter[str]] = {}
    for record in records:
        tree = json_tag(record, names.TAG_VERSIONS) or {}
        for package, version in (tree if isinstance(tree, dict) else {"environment": tree}).items():
            found.setdefault(package, Counter())[str(version)] += 1
    return dict(sorted(found.items()))


def _counted(counts: Counter[str]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{text} ({count} runs)" for text, count in sorted(counts.items()))
