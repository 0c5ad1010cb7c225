"""The configs of [study] enqueue that the spec alone decides: presets and the portfolio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from search_spaces.portfolio import CONFIGS, PORTFOLIO, RATES, portfolio_name
from search_spaces.space import put
from search_spaces.trials import FixedParams
from trainers.error_messages import unknown
from trainers.errors import InputError

from .config import SpecError, StudyConfig

Params = dict[str, Any]


def with_enqueued(config: StudyConfig) -> StudyConfig:
    """Return the search with the Optuna parameters of its presets and of the portfolio, and notes on presets that
    differ in settings that are not searched.

    An enqueued config gives the values of searched settings; all other settings are the base's. Raises SpecError for a
    preset that is not in the space, and if the portfolio was asked for and none of its configs is.
    """
    found, notes, problems = dict[str, Params](), list[str](), list[str]()
    for name in _names(config):
        try:
            if name == PORTFOLIO and name not in config.method.presets:
                found |= _portfolio(config)
            else:
                found[name] = _preset(config, name)
                notes += _kept(config, name, found[name])
        except InputError as error:
            problems += str(error).splitlines()
    if problems:
        raise SpecError(problems)
    return replace(config, enqueued=found, notes=(*notes, *config.notes))


def _names(config: StudyConfig) -> Sequence[str]:
    """Return the names in [study] enqueue; without that key the portfolio, if the space searches the learning rates."""
    assert config.space is not None
    if config.study.enqueue is not None:
        return [entry for entry in config.study.enqueue if isinstance(entry, str)]
    fits = config.method.is_mamlpp and config.space.dimensions.keys() >= {*RATES}
    return [PORTFOLIO] if fits else []


def _portfolio(config: StudyConfig) -> dict[str, Params]:
    """Return the configs of the portfolio that lie in the space, without duplicates: by default no more than the budget
    has trials. With an explicit `enqueue`, which runs beyond the budget, raises InputError if there are none.
    """
    if not config.method.is_mamlpp:
        raise InputError(
            f'study.enqueue "{PORTFOLIO}": it has configs of MAML++, not of {config.method.name}; remove it'
        )
    found, outside = dict[str, Params](), list[str]()
    for number, settings in enumerate(CONFIGS, 1):
        try:
            params = _known_good(config, settings)
        except InputError as error:
            outside.append(f"{portfolio_name(number)}: {'; '.join(str(error).splitlines())}")
            continue
        if params not in found.values():
            found[portfolio_name(number)] = params
    if config.study.enqueue is None:
        return dict([*found.items()][: config.budget.trials])
    if not found:
        raise InputError(
            f'study.enqueue "{PORTFOLIO}": none of its configs is in the space ({", ".join(outside)}); widen the space,'
            f' or remove "{PORTFOLIO}"'
        )
    return found


def _known_good(config: StudyConfig, settings: Mapping[str, Any]) -> Params:
    """Return a config of the portfolio, cut down to what is searched. Raises InputError if it is not in the space."""
    assert config.space is not None
    if not settings.keys() & config.space.dimensions.keys():
        raise InputError("none of its settings is searched")
    tree = config.base_tree
    for path, value in settings.items():
        tree = put(tree, path, value) if path in config.space.dimensions else tree
    try:
        own, _ = config.method.normalise(tree)
    except ValidationError as error:
        raise InputError(config.method.explain(error)) from None
    params = config.space.params_of(own, config.base_tree)
    if too_much := config.beyond_max_compute(params):
        raise InputError(too_much)
    return params


def _preset(config: StudyConfig, name: str) -> Params:
    assert config.space is not None
    where = f'study.enqueue "{name}"'
    if name not in config.method.presets:
        known = [*config.method.presets, *[PORTFOLIO] * config.method.is_mamlpp]
        raise InputError(f"{where}: {unknown('preset', name, known)}")
    try:
        params = config.space.params_of(config.preset_config(name), config.base_tree)
    except InputError as error:
        out = "set it in [trainer], widen the space, or leave the preset out"
        raise InputError("\n".join(f"{where}: {line}; {out}" for line in str(error).splitlines())) from None
    if too_much := config.beyond_max_compute(params):
        raise InputError(f"{where}: {too_much}")
    return params


def _kept(config: StudyConfig, name: str, params: Params) -> list[str]:
    """Return a note if the enqueued preset differs from the preset in settings that are not searched."""
    assert config.space is not None
    tried, _ = config.space.suggest(FixedParams(params), config.base_tree)
    ours, theirs = config.method.settings(tried), config.method.settings(config.preset_config(name))
    differing = sorted(path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path))
    if not differing:
        return []
    return [f'enqueued preset "{name}" keeps these settings of the base: {", ".join(differing)}']
