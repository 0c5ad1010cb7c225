"""The Optuna study of a spec: created or opened, and rejected if another tool or another spec made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from trainers.errors import InputError

from ..spec.config import SpecError, StudyConfig
from .attributes import FROZEN
from .plan import frozen_json, refuse_change

if TYPE_CHECKING:
    from optuna.study import Study

    from ..stores.optuna_storage import SoleWriter


def open_study(storage: SoleWriter, config: StudyConfig) -> Study:
    """Return the Optuna study of a spec with its pruner, created if missing."""
    import optuna

    return optuna.create_study(
        study_name=config.study.name, storage=storage, direction=_direction(config), load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(seed=0), pruner=_pruner(config),
    )  # fmt: skip


def _direction(config: StudyConfig) -> Literal["maximize", "minimize"]:
    return "maximize" if config.metric.better == "higher" else "minimize"


def _pruner(config: StudyConfig) -> Any:
    from optuna.pruners import NopPruner

    from ..spec.optuna_parts import make_pruner

    return make_pruner(config.pruner, config.method.epochs(config.base)) if config.pruner else NopPruner()


def refuse_other_direction(study: Study, config: StudyConfig) -> None:
    """Raise InputError unless the study optimizes one value in the metric's direction, as mamlab's studies do."""
    found = [direction.name.lower() for direction in study.directions]
    if found != [_direction(config)] and FROZEN not in study.user_attrs:
        raise InputError(
            f'the study "{study.study_name}" in Optuna\'s database was not made by mamlab (direction: '
            f"{' and '.join(found)}); give your study another name"
        )


def freeze(study: Study, config: StudyConfig, data_checksum: str) -> None:
    """At the first start, store the part of the spec that may not change; later, raise StudyChanged if it did.

    Raises SpecError at the first start for a space in which different parameters give the same config.
    """
    now = frozen_json(config, data_checksum)
    before = study.user_attrs.get(FROZEN)
    if before is not None:
        refuse_change(config.study.name, before, now)
        return
    if config.space is not None and (problems := config.space.alike(config.base_tree)):
        raise SpecError(problems)
    study.set_user_attr(FROZEN, now)
