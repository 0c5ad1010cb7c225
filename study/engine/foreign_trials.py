"""Trials that another tool made in a study: finished ones are ignored, enqueued ones are run if they fit the space.

They come from `study.ask()` and `tell()` in a notebook, `optimize`, `enqueue_trial` or Optuna's dashboard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .attributes import LABEL, OURS, PLACEHOLDER, PRESET, REFUSED, RETRY_OF, STATE

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from ..spec.config import StudyConfig

_MOST_NAMED = 10


def is_ours(trial: FrozenTrial) -> bool:
    """Whether mamlab made the trial, and ended it if it has ended; a copy of a search's trial does not count."""
    attrs = trial.user_attrs
    if trial.state.is_finished() and STATE not in attrs:
        return False
    label = attrs.get(LABEL)
    if label is not None and "cell" not in attrs:
        return str(label).partition(" ")[0] == f"trial-{trial.number:03d}"
    return any(name in attrs for name in (OURS, LABEL, PRESET, RETRY_OF))


def is_others(trial: FrozenTrial) -> bool:
    """Whether another tool made or ended the trial."""
    return not is_ours(trial) and PLACEHOLDER not in trial.user_attrs


def is_enqueued(trial: FrozenTrial) -> bool:
    """Whether another tool enqueued the trial."""
    return trial.state.name == "WAITING" and not is_ours(trial)


def rejection(trial: FrozenTrial, config: StudyConfig) -> str:
    """Return why the search cannot run a trial that another tool enqueued; empty if it can."""
    assert config.space is not None
    if trial.params:
        return "its parameters are already set; use study.enqueue_trial(PARAMETERS)"
    enqueued, searched = trial.system_attrs.get("fixed_params", {}), config.space.dimensions
    for name, value in enqueued.items():
        if name not in searched:
            return f"{name} is not searched (searched: {', '.join(sorted(searched))})"
        if not searched[name].contains(value):
            return f"{name} = {value!r} is outside {searched[name]}"
    try:
        return config.beyond_max_compute(enqueued)
    except KeyError:  # the other parameters are sampled to fit
        return ""


def notes_on(trials: Sequence[FrozenTrial], *, runs_enqueued: bool) -> list[str]:
    """Return a note on other tools' trials that are ignored; with `runs_enqueued`, the study runs enqueued ones."""
    others = [one for one in trials if is_others(one) and not (runs_enqueued and is_enqueued(one))]
    if not others:
        return []
    first = ", ".join(_called(one) for one in others[:_MOST_NAMED])
    more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
    those = "1 trial in Optuna's study is" if len(others) == 1 else f"{len(others)} trials in Optuna's study are"
    return [f"{those} not made by mamlab and ignored: {first}{more}"]


def _called(trial: FrozenTrial) -> str:
    why = trial.user_attrs.get(REFUSED)
    return f"{trial.number} ({trial.state.name.lower()})" + (
        f", an enqueued trial that cannot be run: {why}" if why else ""
    )
