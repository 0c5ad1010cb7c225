"""Names of the user attributes that mamlab sets on Optuna's studies and trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FROZEN = "mamlab.frozen"
"""Study: the part of its spec that may not change, as JSON."""
EXPERIMENT = "mamlab.experiment"
"""Study: the id of its MLflow experiment."""
SUPERSEDED = "mamlab.superseded"
"""Study: numbers of trials that retries replace; they no longer count. (A finished trial cannot get attributes.)"""

STATE = "mamlab.state"
"""End state of a trial, as mamlab names it."""
LABEL = "label"
"""Set once all parameters of a trial are sampled; a trial without it was interrupted before that."""
OURS = "mamlab.ours"
"""Set when mamlab creates a trial, to recognise it before it has a label."""
PRESET = "preset"
"""Name of the enqueued config of a search's trial."""
CONTINUED = "mamlab.continued"
"""Study: numbers of trials that were pruned and are continued by other trials."""
CONTINUES = "continues"
"""Number of the pruned trial whose training this trial continues. This trial has `RETRY_OF`, too."""
RETRY_OF = "mamlab.retry_of"
"""Number of the trial that a search's trial replaces. (In an ablation, both have the same arm and seed.)"""
REFUSED = "mamlab.refused"
"""Why an externally enqueued trial was rejected."""
PLACEHOLDER = "mamlab.placeholder"
"""Marks an empty trial in a rebuilt study; it keeps the numbers of later trials."""
VERDICT = "mamlab.verdict"
"""The pruner's decision at a step: [step, whether the trial stops there, the pruner's notes]. After a reported step
without a decision, the trial continued.

A step is an epoch, or for a trial that trains one seed after the other, the index of a seed.
"""
RESULT = "mamlab.result."
"""+ seed: [state, score] of one run of a trial with several."""
HELD_OUT = "mamlab.held_out."
"""+ seed: accuracy of one run on held-out validation tasks."""
STOPPED = "mamlab.stopped"
"""For a trial pruned between seeds: how many seeds were trained. Its value is the estimate from these."""


def stored_results(trial: FrozenTrial) -> dict[int, tuple[str, float | None]]:
    """Return the stored results of a trial of several runs, by seed."""
    return {int(name.removeprefix(RESULT)): tuple(v) for name, v in trial.user_attrs.items() if name.startswith(RESULT)}


def held_out_of(attrs: Mapping[str, Any], runs: int) -> list[float]:
    """Return the stored accuracies on held-out tasks of a trial's complete `runs`, in no order; empty unless all have
    one.
    """
    found = [float(value) for name, value in attrs.items() if name.startswith(HELD_OUT)]
    return found if len(found) == runs else []


def label_of(trial: FrozenTrial) -> str:
    """Return a trial's display name: its label, or its number if it has none yet."""
    return str(trial.user_attrs.get(LABEL, f"trial {trial.number}"))
