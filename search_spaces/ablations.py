"""Ablations: which components are on in which arm, and with which arm each is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from trainers.config import TrainerConfig
from trainers.messages import explain, unknown
from trainers.normalise import COMPONENTS as SWITCHES
from trainers.normalise import Inert, merge, normalise, same_training

Design = Literal["leave_one_out", "add_one_in", "both", "arms"]

COMPONENTS = tuple(name.upper() for name in SWITCHES)
"""The parts of MAML++; in a TrainerConfig each is `off` or on under its name in lower case."""

FULL, PLAIN = "MAML++", "MAML"


@dataclass(frozen=True)
class Arm:
    """A named set of overrides on a base tree; `overrides` by dotted path."""

    name: str
    overrides: Mapping[str, Any] = field(default_factory=dict)


def switched_on(tree: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the components that have an effect in the config of `tree`, in the order of COMPONENTS."""
    config, _ = normalise(tree)
    return tuple(name for name in COMPONENTS if getattr(config, name.lower()) != "off")


def leave_one_out(components: Sequence[str]) -> list[Arm]:
    """Return the full method, and for each component the full method without it."""
    return [Arm(FULL), *(Arm(f"{FULL} without {name}", {name.lower(): "off"}) for name in components)]


def add_one_in(components: Sequence[str], base: Mapping[str, Any]) -> list[Arm]:
    """Return the method with every component off, and for each component that method with it alone.

    Args:
        components: what is added, each in its turn, with its settings in `base`.
        base: nested overrides of the full method. All but the components stays: rates, budget, episodes.
    """
    off = {name.lower(): "off" for name in COMPONENTS}
    arms = [Arm(PLAIN, off)]
    for name in components:
        key = name.lower()
        arms.append(Arm(f"{PLAIN} + {name}", {**off, key: base.get(key, "off")}))
    return arms


def compile_arms(base: Mapping[str, Any], arms: Sequence[Arm]) -> dict[str, tuple[TrainerConfig, tuple[Inert, ...]]]:
    """Return each arm's config and what had no effect in it.

    Raises ValueError for a name used twice, for settings that are wrong, and for two arms that are the same
    training, naming both.
    """
    compiled: dict[str, tuple[TrainerConfig, tuple[Inert, ...]]] = {}
    problems: list[str] = []
    for arm in arms:
        if arm.name in compiled:
            problems.append(f'ablation.arms: the name "{arm.name}" stands there twice; give each arm its own')
            continue
        try:
            config, dropped = normalise(merge(base, arm.overrides))
        except ValidationError as error:
            problems += explain(error, TrainerConfig, f'ablation.arms "{arm.name}"').splitlines()
            continue
        twin = next((name for name, (other, _) in compiled.items() if same_training(other, config)), None)
        if twin:
            why = f" (in the latter {dropped[0].path} has no effect: {dropped[0].reason})" if dropped else ""
            problems.append(f'ablation: arms "{twin}" and "{arm.name}" are the same training{why}; leave one out')
        compiled[arm.name] = (config, dropped)
    if problems:
        raise ValueError("\n".join(problems))
    return compiled


def plan(
    design: Design,
    components: Sequence[str] | None,
    own: Sequence[Arm],
    own_base: str | None,
    base: Mapping[str, Any],
) -> tuple[list[Arm], tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return the arms of a design, the pairs (arm, base arm) to compare, and notes for the user.

    Args:
        design: "arms" has only `own`; the others put their own arms before these.
        components: what the design varies; None for all that have an effect in `base`.
        own: arms that the user wrote.
        own_base: the arm that `own` are compared with; None for the first of all arms.
        base: nested overrides of the full method.

    Raises ValueError with a line for each thing that is wrong.
    """
    if design == "arms":
        if components is not None:
            raise ValueError(
                'ablation.components: only a design uses them, and design = "arms" has none; leave them out'
            )
        if len(own) < 2:
            raise ValueError('ablation.arms: design = "arms" needs at least two [[ablation.arms]] to compare')
        arms: list[Arm] = []
        notes: tuple[str, ...] = ()
    else:
        varied, notes = _varied(components, base)
        arms = leave_one_out(varied) if design != "add_one_in" else []
        arms += add_one_in(varied, base) if design != "leave_one_out" else []
    pairs = tuple((arm.name, _base_of(arm.name)) for arm in arms if arm.name not in (FULL, PLAIN))
    if design == "both":
        pairs += ((PLAIN, FULL),)
    arms += own
    reference = own_base or arms[0].name
    if reference not in [arm.name for arm in arms]:
        raise ValueError(f'ablation.base = "{reference}": {unknown("arm", reference, [arm.name for arm in arms])}')
    return arms, pairs + tuple((arm.name, reference) for arm in own if arm.name != reference), notes


def _base_of(name: str) -> str:
    return FULL if name.startswith(FULL) else PLAIN


def _varied(components: Sequence[str] | None, base: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the components that a design can vary, and a note for each that `base` has on without effect."""
    on = switched_on(base)
    _, dropped = normalise(base)
    idle = {i.path.upper(): i.reason for i in dropped if i.path.upper() in COMPONENTS and i.path.upper() not in on}
    if components is None:
        if not on:
            raise ValueError('ablation: no component is on in [trainer]; start from preset = "mamlpp"')
        return on, tuple(f"{name} is not an arm: {reason}" for name, reason in idle.items())
    problems = []
    for name in dict.fromkeys(components):
        if name not in COMPONENTS:
            problems.append(f'ablation.components "{name}": {unknown("component", name.upper(), COMPONENTS)}')
        elif name not in on:
            why = idle.get(name, f"{name.lower()} is off in [trainer]")
            problems.append(f'ablation.components "{name}": has no effect: {why}; change that, or leave it out')
    if not components:
        problems.append("ablation.components: the list is empty; name components, or leave it out for all")
    if problems:
        raise ValueError("\n".join(problems))
    return tuple(dict.fromkeys(components)), ()
