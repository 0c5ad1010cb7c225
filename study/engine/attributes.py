"""Names of the user attributes with which mamlab marks Optuna's studies and trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FROZEN = "mamlab.frozen"
"""Of the study: what of its spec may not change, as JSON."""
EXPERIMENT = "mamlab.experiment"
"""Of the study: the id of its experiment in MLflow."""
SUPERSEDED = "mamlab.superseded"
"""Of the study: numbers of failed trials that others, their retries, replace; they count no more. (A trial that has
ended takes no attribute.)
"""

STATE = "mamlab.state"
"""How a trial ended, in mamlab's words."""
LABEL = "label"
"""Set when all parameters of a trial are sampled: a trial without it was caught in between."""
OURS = "mamlab.ours"
"""Set with the trial itself, so that one that was asked for and has no label yet is known."""
PRESET = "preset"
"""Which enqueued config a search's trial is."""
CONTINUED = "mamlab.continued"
"""Of the study: numbers of the trials that a short look stopped and that go on as others."""
CONTINUES = "continues"
"""Number of the trial that a short look stopped and whose training this one takes up; it is `RETRY_OF` it, too."""
RETRY_OF = "mamlab.retry_of"
"""Number of the trial that a search's trial replaces. (An ablation's has the same arm and seed.)"""
REFUSED = "mamlab.refused"
"""Why a wish was not trained."""
PLACEHOLDER = "mamlab.placeholder"
"""Of a trial without content that a rebuilt study has where nothing is known, so that those behind it keep their
numbers.
"""
VERDICT = "mamlab.verdict"
"""[step, whether the trial stops there, what the pruner remembers]; steps that were reported without it went on.

A step is an epoch; of a trial that goes seed by seed, its first, second, ... seed.
"""
RESULT = "mamlab.result."
"""+ seed: [state, score] of one of several runs of a trial."""
STOPPED = "mamlab.stopped"
"""Of a trial of several seeds that was stopped early: how many it had. Its value is the estimate from these."""


def stored_results(trial: FrozenTrial) -> dict[int, tuple[str, float | None]]:
    """Return the stored results of a trial of several runs, by seed."""
    return {int(name.removeprefix(RESULT)): tuple(v) for name, v in trial.user_attrs.items() if name.startswith(RESULT)}


def label_of(trial: FrozenTrial) -> str:
    """Return a trial's name for people: its label, or its number as long as it has none."""
    return str(trial.user_attrs.get(LABEL, f"trial {trial.number}"))
