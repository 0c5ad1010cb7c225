"""Merging: parts of one ablation that were trained on several machines, or one after the other, become one report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from .. import records as names
from ..records import Family, ReportError, RunRecord, StudyInfo

Part = tuple[StudyInfo, Sequence[RunRecord]]

RESULTS = {names.COMPLETE, names.DIVERGED}
"""How a training ends that is not tried again."""


def merge_parts(parts: Mapping[str, Part], free: Collection[str] = ()) -> tuple[StudyInfo, list[RunRecord]]:
    """Return the study of which `parts` hold some seeds, or some arms, by the name of their folder.

    The parts may differ in the settings `free`, which change no result. Of a training that several parts have (the same
    arm and seed) the first that ended with a result counts: complete or diverged. Raises
    ReportError for parts that are no ablations, were trained on other data or by another trainer, declared other looks
    or another design, or mean other settings by the name of an arm.
    """
    (first, (info, records)), *others = parts.items()
    if not others:
        return info, list(records)
    for name, part in others:
        _refuse_others(first, (info, records), name, part)
    _refuse_other_arms(parts, free)
    runs = [run for _, part in parts.values() for run in part]
    kept = _one_each(runs)
    parts_text = " and ".join(f"{name} ({len(part)} runs)" for name, (_, part) in parts.items())
    description = " ".join(filter(None, [info.description, f"Merged from {parts_text}.", _repeated(runs, kept, info)]))
    families = _families(other.families for other, _ in parts.values())
    shown = tuple(dict.fromkeys(look for other, _ in parts.values() for look in other.shown))
    return replace(info, families=families, shown=shown, description=description, mlflow_address=None), kept


def _refuse_others(first: str, one: Part, name: str, other: Part) -> None:
    (info, records), (its_info, its_records) = one, other
    same = {
        "kind of study": [part.kind for part in (info, its_info)],
        "data (checksum)": [", ".join(sorted(_data(runs))) for runs in (records, its_records)],
        "trainer": [part.trained_by or "MAML++" for part in (info, its_info)],
        "declared looks": [", ".join(map(str, part.looks)) or "none" for part in (info, its_info)],
        "margin": ["none" if part.margin is None else f"{part.margin:g}" for part in (info, its_info)],
        "test": [part.test for part in (info, its_info)],
        "adjustment of p": [part.adjust for part in (info, its_info)],
    }
    for what, (mine, theirs) in same.items():
        if mine != theirs:
            raise ReportError(f"{first} and {name} cannot be merged: they differ in {what}: {mine} and {theirs}")
    if (info.factorial, info.sweep, info.across) != (its_info.factorial, its_info.sweep, its_info.across):
        raise ReportError(f"{first} and {name} cannot be merged: their factorial, sweep or across is not the same")
    if info.kind != "ablation":
        raise ReportError(f"{first} is a {info.kind}: only reports of ablations can be merged; name one --from folder")


def _data(runs: Iterable[RunRecord]) -> set[str]:
    found = {run.tags.get(names.TAG_DATA_CHECKSUM, "") for run in runs}
    return found - {""} or found


def _refuse_other_arms(parts: Mapping[str, Part], free: Collection[str]) -> None:
    """Raise ReportError if an arm has other settings in another part."""
    known: dict[str | None, tuple[str, RunRecord]] = {}
    for name, (_, runs) in parts.items():
        for run in runs:
            where, one = known.setdefault(run.arm, (name, run))
            wrong = sorted(_differing(one, run) - {*free})
            if wrong:
                path = wrong[0]
                raise ReportError(
                    f'"{run.arm}" is not the same arm in {where} and {name}: {path} is '
                    f"{one.params.get(path, 'absent')} and {run.params.get(path, 'absent')}. "
                    "Rename it in one of the specs"
                )


def _differing(one: RunRecord, other: RunRecord) -> set[str]:
    paths = {*one.params, *other.params} if one.params and other.params else set()
    return {path for path in paths if one.params.get(path) != other.params.get(path)}


def _one_each(runs: Iterable[RunRecord]) -> list[RunRecord]:
    """Return one record for each arm and seed: the first that ended with a result, or else the first."""
    kept: dict[tuple[str | None, int | None], RunRecord] = {}
    for run in runs:
        before = kept.setdefault((run.arm, run.seed), run)
        if before.state not in RESULTS and run.state in RESULTS:
            kept[run.arm, run.seed] = run
    return list(kept.values())


def _repeated(runs: Sequence[RunRecord], kept: Sequence[RunRecord], info: StudyInfo) -> str:
    """Return how far trainings that several parts have ended apart."""
    score, ids = info.measured.test, {run.run_id for run in kept}
    by_key = {(run.arm, run.seed): run.metrics.get(score) for run in kept}
    pairs = [(by_key[run.arm, run.seed], run.metrics.get(score)) for run in runs if run.run_id not in ids]
    apart = [abs(one - other) for one, other in pairs if one is not None and other is not None]
    if not apart:
        return ""
    return (
        f"{len(apart)} trainings are in several of these; the first counts. Their test results differ by "
        f"{fmean(apart) * info.measured.scale:.2f} {info.measured.difference_unit} on average."
    )


def _families(several: Iterable[Sequence[Family]]) -> tuple[Family, ...]:
    """Return the families of all parts, each comparison once."""
    found: dict[str, dict[tuple[str, str], None]] = {}
    for families in several:
        for family in families:
            found.setdefault(family.name, {}).update(dict.fromkeys(family.comparisons))
    return tuple(Family(name, tuple(pairs)) for name, pairs in found.items())
