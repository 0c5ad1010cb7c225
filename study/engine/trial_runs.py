"""The runs of a starting trial: one per seed in a search, one in an ablation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..spec.config import StudyConfig
from .attributes import CONTINUES, LABEL, PRESET, RETRY_OF
from .plan import RunPlan, search_label
from .sampling import params_within_max_compute

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

    from ..stores.optuna_storage import SoleWriter


def seeds_of(trial: FrozenTrial, config: StudyConfig) -> tuple[int, ...]:
    """Return the seeds that a trial trains unless it is stopped."""
    return config.seeds if config.kind == "search" else (trial.user_attrs["seed"],)


def search_runs(
    study: Study, storage: SoleWriter, config: StudyConfig, data_checksum: str, trial: Trial
) -> list[RunPlan]:
    """Sample a trial's parameters, store its label, and return its runs."""
    assert config.space is not None
    attrs = trial.user_attrs
    whole = PRESET in attrs or RETRY_OF in attrs
    if config.space.max_compute is not None and LABEL not in attrs and not whole:
        trial._fixed_params = params_within_max_compute(study, storage, config, trial)
    trained, dropped = config.space.suggest(trial, config.base_tree)
    preset = attrs.get(PRESET)
    label = search_label(trial.number, trial.params, preset)
    trial.set_user_attr(LABEL, label)
    several = len(config.seeds) > 1
    return [
        RunPlan(
            trial.number, seed, f"{label} / seed {seed}" if several else label, trained, dropped,
            config.fingerprint(trained, seed, data_checksum), preset=preset, params=trial.params,
            continues=attrs.get(CONTINUES),
        )
        for seed in config.seeds
    ]  # fmt: skip


def planned_run(trial: FrozenTrial, config: StudyConfig) -> RunPlan:
    """Return the run of an ablation's trial, or of a single training."""
    attrs = trial.user_attrs
    arm, seed = attrs["arm"], attrs["seed"]
    trained, dropped = (config.base, config.dropped) if arm is None else config.arms[arm]
    return RunPlan(trial.number, seed, attrs[LABEL], trained, dropped, attrs["cell"], arm=arm)
