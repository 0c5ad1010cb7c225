"""Interim looks at an ablation: records each result that is shown, and stops a study at the look that decides it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from reports import records as names
from reports.recorded_looks import RecordedLook
from reports.records import RunRecord, StudyInfo
from reports.statistics.look_progress import complete_seeds
from reports.statistics.summary import Ablation, summarise_ablation

from .engine.progress import StudyProgress
from .results import load
from .spec.config import StudyConfig
from .stores.home import Home
from .stores.look_record import LookRecord


def looked(info: StudyInfo, records: Sequence[RunRecord], home: Home) -> StudyInfo:
    """Return the study info with all looks so far, including this one.

    Every command that shows an ablation's comparisons calls this. Each set of complete seeds is recorded once; if the
    home cannot be written, a note says so.
    """
    if info.kind != names.ABLATION:
        return info
    record = LookRecord(home, info.name, info.experiment_id)
    shown = record.read()
    seeds = complete_seeds(records, info.families)
    if not seeds or any(one.seeds == seeds for one in shown):
        return replace(info, shown=shown)
    look = RecordedLook(seeds, info.looks, info.margin, info.test, info.adjust, info.families)
    try:
        record.add(look)
    except OSError as error:
        note = f"This look at {len(seeds)} seeds could not be recorded in {record.path}: {error.strerror or error}"
        info = replace(info, notes=(*info.notes, note))
    return replace(info, shown=(*shown, look))


def run_to_decision(
    config: StudyConfig, home: Home, show: Callable[[StudyProgress], None], **options: Any
) -> StudyProgress:
    """Run a study like `run_study`; with `stop_early`, look by look, until every comparison is decided."""
    from .engine.driver import run_study  # with PyTorch, which reports do without
    from .engine.plan import StudyChanged

    if config.ablation is None or not config.ablation.stop_early:
        return run_study(config, home, show, **options)
    for look in config.ablation.looks[:-1]:
        part = replace(config, ablation=config.ablation.model_copy(update={"seeds": look}))
        try:
            last = run_study(part, home, show, **options)
        except StudyChanged:  # it already has more seeds than this look; the full run below reports any other change
            continue
        if not last.finished:
            return last
        if decided(_found(config.study.name, home)):
            note = f"Every comparison is decided after {look} seeds, so no more are trained (stop_early)."
            return replace(last, notes=(*last.notes, note))
    return run_study(config, home, show, **options)


def _found(study: str, home: Home) -> Ablation:
    info, records = load(study, home)
    return summarise_ablation(records, looked(info, records, home))


def decided(found: Ablation) -> bool:
    """Return whether a look has been reached and every comparison and change is decided, or shows no difference in any
    seed.
    """
    decided = [one.verdict.decided or one.verdict.identical for one in found.comparisons]
    decided += [one.decided or one.verdict.identical for one in found.changes]
    return bool(decided and found.look_progress.looks) and all(decided)
