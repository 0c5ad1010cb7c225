"""Sampling of a search's parameters: one sampler per trial, and only configs within [space] max_compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainers.errors import InputError

from ..spec.config import StudyConfig
from ..spec.sections import Named
from .plan import sampler_seed

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import Trial

    from ..stores.optuna_storage import SoleWriter

SAMPLED_DRAWS, MOST_DRAWS = 20, 1000
"""Attempts to sample a config within [space] max_compute: first by the sampler, then at random."""


def trial_sampler(config: StudyConfig, number: int, attempt: int = 0) -> Any:
    """Return the sampler of trial `number`; each `attempt` has another seed."""
    from ..spec.optuna_parts import make_sampler

    assert config.sampler is not None
    if attempt:
        section = config.sampler if attempt < SAMPLED_DRAWS else Named(name="random")
        uniform = section.name in ("qmc", "brute_force")  # these have only one point per trial
        again = sampler_seed(config.study.seed, f"{number}/{attempt}")
        return make_sampler(Named(name="random") if uniform else section, again)
    if config.sampler.name != "qmc":
        return make_sampler(config.sampler, sampler_seed(config.study.seed, number))
    sampler: Any = make_sampler(config.sampler, config.study.seed)
    # Trial n gets point n of the sequence: Optuna's own count would skip the point of a driver that died sampling it.
    sampler._find_sample_id = lambda study, search_space: number
    return sampler


def _sampler_of(config: StudyConfig, number: int, attempt: int, before: Any) -> Any:
    """Return `trial_sampler`; TPE's models of the attempt `before` are those of the next, too."""
    assert config.sampler is not None
    if config.sampler.name == "tpe" and 0 < attempt < SAMPLED_DRAWS:
        before.draw_again(sampler_seed(config.study.seed, f"{number}/{attempt}"))
        return before
    return trial_sampler(config, number, attempt)


def params_within_max_compute(study: Study, storage: SoleWriter, config: StudyConfig, trial: Trial) -> dict[str, Any]:
    """Return the first sampled parameters whose config is within `space.max_compute`.

    Optuna's constraints are soft and not supported by all samplers, so this resamples: up to 20 times with the sampler,
    then uniformly. Raises InputError if all configs are above the limit.
    """
    import optuna

    assert config.space is not None
    for attempt in range(MOST_DRAWS):
        study.sampler = _sampler_of(config, trial.number, attempt, study.sampler)
        with storage.drafting():
            draft = optuna.trial.Trial(study, trial._trial_id)
            draft._cached_frozen_trial.params, draft._cached_frozen_trial.distributions = {}, {}
            config.space.suggest(draft, config.base_tree)
        if not config.beyond_max_compute(draft.params):
            return draft.params
    if trial._fixed_params:  # enqueued parameters alone exceed the limit
        return dict(trial._fixed_params)
    raise InputError(
        f"space.max_compute = {config.space.max_compute:g}: {MOST_DRAWS} sampled configs were all above it; raise it, "
        "or make the space cheaper"
    )
