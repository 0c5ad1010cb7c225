"""The best trials of a search, and how the best differ from the base config."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from .. import records as names
from ..statistics.summary import Search
from ..statistics.tasks import mixed_tasks
from ..statistics.trial import Trial
from ..text import interval, setting_text, value_text, with_interval
from .cells import (
    Cell,
    Column,
    Table,
    cut_note,
    linked,
    mean_interval,
    number,
    setting,
    value_cell,
    without_empty,
)
from .held_out import held_out_mean, held_out_note

TOP_TRIALS = 25
COMPARED = 3
"""Trials that stand beside the base."""
RANKED_BY = {"mean": "mean", "lower_bound": "lower bound, the lower end of the one-sided 95 % t interval over seeds"}


def trials_table(search: Search) -> Table:
    """Return the best trials: rank, trial, value, state, epochs and the searched parameters ("off": inactive)."""
    shown = search.trials[:TOP_TRIALS]
    seeds = max((len(trial.records) for trial in search.trials), default=1)
    tested = any(trial.test.n for trial in shown)
    several, metric = [Column("95 % interval", True), Column("n seeds", True)] if seeds > 1 else [], search.measured
    held_out = [Column(metric.with_unit("Held-out"), True)] * any(trial.held_out for trial in shown)
    if bounded := search.score == "lower_bound":
        bound = "Lower bound" if metric.better == "higher" else "Upper bound"
        several.insert(0, Column(metric.with_unit(bound), True))
    heads = [
        Column("Rank", True),
        Column("Trial", True),
        Column(metric.with_unit("Validation"), True),
        *held_out,
        *several,
        Column("State"),
        Column("Epochs", True),
    ]
    searched, alike = varying(search.searched, shown)
    narrowed = replace(search, searched=tuple(searched))
    heads += [Column(metric.with_unit("Test"), True)] * tested + [Column(name, True) for name in searched]
    ranks = {trial.label: rank for rank, trial in enumerate(search.complete, start=1)}
    rows = tuple(
        _trial_row(trial, ranks.get(trial.label), narrowed, seeds > 1, tested, bounded, bool(held_out))
        for trial in shown
    )
    return without_empty(Table("Best trials", tuple(heads), rows, (*_trial_notes(search, seeds), *_alike_note(alike))))


def varying(searched: Sequence[str], trials: Sequence[Trial]) -> tuple[list[str], dict[str, str]]:
    """Return the settings that are not the same in all `trials`, and the others with the value that all have."""
    values = {path: {setting_text(trial.params.get(path)) for trial in trials} for path in searched}
    several = len(trials) > 1
    alike = {path: next(iter(own)) for path, own in values.items() if several and len(own) == 1}
    return [path for path in searched if path not in alike], alike


def _alike_note(alike: Mapping[str, str]) -> list[str]:
    return [f"The same in all of these: {', '.join(f'{path} = {text}' for path, text in alike.items())}."] * bool(alike)


def _trial_row(
    trial: Trial, rank: int | None, search: Search, several: bool, tested: bool, bounded: bool, held_out: bool
) -> tuple[Cell, ...]:
    metric = search.measured
    runs = tuple(record.run_id for record in trial.records)
    preset = trial.records[0].tags.get(names.TAG_PRESET, "")
    label = f"{trial.label} ({preset})" if preset else trial.label
    cells = [number(rank), Cell(label, trial.number)]
    cells.append(replace(value_cell(trial.value, metric), best=rank == 1 and not search.finalists))
    if held_out:
        mean = held_out_mean(trial.held_out)
        best = rank == 1 and bool(search.finalists)
        cells.append(replace(number(mean, value_text(mean, metric=metric)), best=best))
    if bounded:
        cells.append(number(trial.score, value_text(trial.score, metric=metric)))
    if several:
        cells += [Cell(interval(trial.value, metric=metric), trial.value.low), number(trial.value.n)]
    state = f"stopped after {_counted(trial.value.n, 'seed')}" if trial.stopped else trial.state.replace("_", " ")
    ended = [Cell(state, trial.state), number(trial.epochs)]
    if tested:
        text = with_interval(trial.test, metric=metric) if several else value_text(trial.test.mean, metric=metric)
        test = number(trial.test.mean, text)
        ended += linked([test], runs)
    return (*linked(cells, runs), *ended, *(setting(trial.params.get(name)) for name in search.searched))


def _trial_notes(search: Search, seeds: int) -> Iterable[str]:
    yield (
        f"Validation: {search.measured.words} of a trial's best epoch. The best of many is biased"
        f" {search.measured.biased} by the search itself: "
        "retrain the winner on fresh seeds and test it before quoting it."
    )
    yield from held_out_note(search)
    how = mean_interval(search.measured)
    yield (
        f"Each trial has {seeds} seeds, fewer where it was stopped; interval: {how}. Ranked by the"
        f" {_ranked_by(search)}."
        if seeds > 1
        else "Each trial has one seed (n = 1, no interval)."
    )
    if mixed := mixed_tasks(search.searched):
        yield mixed
    yield (
        "Only complete trials have a rank; a pruned trial's value is its best until it was stopped. Inactive"
        " parameters are shown as off."
    )
    yield from cut_note(len(search.trials), TOP_TRIALS, "trials")


def _ranked_by(search: Search) -> str:
    text = RANKED_BY.get(search.score, search.score)
    return text if search.measured.better == "higher" else text.replace("lower", "upper")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def differences_table(search: Search, base: Mapping[str, str]) -> Table | None:
    """Return a row for each setting in which one of the best trials differs from the base config; None without a
    complete trial or a known base.
    """
    best = search.complete[:COMPARED]
    if not best or not base:
        return None
    own = [{**base, **_gone(base, trial), **trial.records[0].params} for trial in best]
    paths = [path for path in base if any(params.get(path) != base[path] for params in own)]
    paths += sorted({path for params in own for path in params if path not in base})
    kept = [path for path in paths if path in search.searched]
    heads = [Column("Setting"), Column("Base", True), *(Column(f"Trial {trial.label}", True) for trial in best)]
    rows = tuple(
        (Cell(path, path), setting(base.get(path)), *(_against(path, params, base) for params in own)) for path in kept
    )
    notes = (
        (
            "What was searched, of the best complete trials against the base config, that of the spec's [trainer]; bold"
            " where they differ. Off: it is not there, or has no effect."
        ),
    )
    return Table("The best against the base", tuple(heads), rows, notes) if rows else None


def _gone(base: Mapping[str, str], trial: Trial) -> dict[str, str]:
    """Return as off what the base has and the trial's config does not."""
    return {path: "off" for path in base if path not in trial.records[0].params}


def _against(path: str, params: Mapping[str, str], base: Mapping[str, str]) -> Cell:
    differs = setting_text(params.get(path)) != setting_text(base.get(path))
    return replace(setting(params.get(path)), best=differs)
