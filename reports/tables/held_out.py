"""Sentences on a search's held-out accuracies: what they rank, and how optimistic the search's own scores are."""

from __future__ import annotations

from ..statistics.held_out import HeldOut
from ..statistics.summary import Search
from ..statistics.trial import Trial, or_inf
from ..text import interval, measured, with_unit


def held_out_note(search: Search) -> list[str]:
    """Return what held-out accuracy is and which trials are ranked by it; empty if no trial has one."""
    if not any(trial.held_out for trial in search.complete):
        return []
    what = f"Held-out: {search.measured.words} on validation tasks that neither the sampler nor the pruner saw."
    if not search.finalists:
        return [f"{what} Not all of the best trials have it, so all are ranked by the search's own score."]
    few = len(search.finalists)
    those = "The best complete trial has" if few == 1 else f"The {few} best complete trials are ranked by"
    return [f"{what} {those} it; the others are ranked by the search's own score."]


def optimism_sentence(search: Search) -> str:
    """Return by how much the score of the trial that the search's own score puts first exceeds its held-out accuracy,
    and which trial is the best there; empty if none has one.

    That trial's held-out accuracy is not biased by selection, as that of the best on held-out tasks is a little.
    """
    sign, metric = search.measured.sign, search.measured
    first = max(search.finalists, key=lambda trial: (sign * trial.score, -or_inf(trial.number)), default=None)
    if first is None or first.held_out is None:
        return ""
    found = first.held_out.optimism(first.value.mean)
    return (
        f"{_winner(search, first)} {measured(first.held_out.mean, metric)} there and"
        f" {measured(first.value.mean, metric)} on the tasks that selected it, an optimism of"
        f" {with_unit(found.mean, metric, difference=True)} {interval(found, True, metric)} (95 % over the"
        f" {first.held_out.tasks} held-out tasks)."
    )


def _winner(search: Search, first: Trial) -> str:
    best, metric = search.finalists[0], search.measured
    head = f"On held-out validation tasks, trial {best.label} has"
    if len(search.finalists) == 1 or best.held_out is None:
        return head
    head += f" the {metric.best_word} {metric.words} of the {len(search.finalists)} best trials"
    if best is first:
        return f"{head}: it has"
    value = measured(best.held_out.mean, metric)
    return f"{head}, {value}. Trial {first.label}, the best by the search's own score, has"


def held_out_mean(found: HeldOut | None) -> float | None:
    """Return the mean, None without one."""
    return found.mean if found else None
