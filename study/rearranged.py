"""Runs of earlier reports, arranged as the design of another spec: each run by what it trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reports import records as names
from reports.data.loading import study_info
from reports.data.merging import RESULTS, Part
from reports.records import ReportError, RunRecord

from .engine.facts import facts_of
from .engine.plan import planned_fingerprint, run_label
from .spec.config import StudyConfig
from .spec.writing import without_folder


def rearranged(config: StudyConfig, parts: Mapping[str, Part]) -> Part:
    """Return the ablation `config` with the runs of `parts`, by the name of their folder, that it would train.

    A run belongs to an arm and seed if its fingerprint is the planned one, whatever its arm was called, and counts if
    it ended with a result, complete or diverged; of several the first. All seeds of the parts count. Raises ReportError
    if the spec is no ablation, if the parts have several data sets, or if no run belongs to the design.
    """
    if config.kind != names.ABLATION:
        raise ReportError(
            f'"{config.study.name}" is a {config.kind}; with --from, name the spec file of an ablation, or leave it out'
        )
    runs = [run for _, part in parts.values() for run in part]
    data = {run.tags.get(names.TAG_DATA_CHECKSUM, "") for run in runs}
    if len(data) != 1:
        raise ReportError(f"{' and '.join(parts)} have {len(data)} data sets (checksums); name reports of one")
    known = {run.fingerprint: run for run in reversed(runs) if run.state in RESULTS}
    checksum = data.pop()
    seeds = sorted({*config.seeds, *(run.seed for run in runs if run.seed is not None)})
    there = [
        (arm, seed, run)
        for seed in seeds
        for arm in config.arms
        if (run := known.get(planned_fingerprint(config, arm, seed, checksum)))
    ]
    found = [_as(config, trial, arm, seed, run) for trial, (arm, seed, run) in enumerate(there)]
    if not found:
        raise ReportError(
            f'none of the {len(runs)} runs of {" and ".join(parts)} is one that "{config.study.name}" would train; '
            "its settings have to be theirs: their specs are in study.json"
        )
    parts_text = " and ".join(f"{name} ({len(part)} runs)" for name, (_, part) in parts.items())
    info = study_info(config.study.name, names.ABLATION, facts_of(config), found)
    text = f"{len(found)} runs from {parts_text}."
    return replace(info, description=text, spec=without_folder(config.spec_text)), found


def _as(config: StudyConfig, trial: int, arm: str, seed: int, run: RunRecord) -> RunRecord:
    """Return the record of `run` as one of `arm`."""
    name = run_label(config, arm, seed)
    tags = {names.TAG_ARM: arm, names.TAG_STUDY: config.study.name, names.TAG_TRIAL: f"{trial:04d}"}
    tags = {**run.tags, **tags, names.TAG_RUN_NAME: name}
    return replace(run, study=config.study.name, arm=arm, trial=trial, name=name, tags=tags)
