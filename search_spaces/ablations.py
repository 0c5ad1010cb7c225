"""The arms of an ablation: which components are on in which arm, and the config that each trains."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from pydantic import ValidationError

from trainers.error_messages import unknown
from trainers.errors import InputError
from trainers.inert import Inert
from trainers.known_method import MAMLPP, KnownMethod
from trainers.method import Config
from trainers.overrides import merge

COMPONENTS = MAMLPP.titles
"""The components of MAML++; each is a setting of TrainerConfig under its name in lower case."""

FULL, PLAIN = MAMLPP.name, MAMLPP.plain


@dataclass(frozen=True)
class Arm:
    """A named set of overrides on a base tree; `overrides` by dotted path."""

    name: str
    overrides: Mapping[str, Any] = field(default_factory=dict)


def switched_on(tree: Mapping[str, Any], method: KnownMethod = MAMLPP) -> tuple[str, ...]:
    """Return the components that have an effect in the config of `tree`, in their own order."""
    config, _ = method.normalise(dict(tree))
    return tuple(name for name in method.titles if getattr(config, method.path(name)) != "off")


def leave_one_out(components: Sequence[str], method: KnownMethod = MAMLPP) -> list[Arm]:
    """Return the full method, and for each component the full method without it."""
    full = method.name
    return [Arm(full), *(Arm(f"{full} without {name}", {method.path(name): "off"}) for name in components)]


def add_one_in(components: Sequence[str], base: Mapping[str, Any], method: KnownMethod = MAMLPP) -> list[Arm]:
    """Return the method with every component off, and for each component that method with it alone.

    Args:
        components: what is added, each in its turn, with its settings in `base`.
        base: nested overrides of the full method. All but the components stays: rates, budget, episodes.
        method: whose components these are.
    """
    off = dict.fromkeys(method.components, "off")
    arms = [Arm(method.plain, off)]
    for name in components:
        key = method.path(name)
        arms.append(Arm(f"{method.plain} + {name}", {**off, key: base.get(key, "off")}))
    return arms


def factorial(
    components: Sequence[str], base: Mapping[str, Any], method: KnownMethod = MAMLPP
) -> list[tuple[Arm, tuple[str, ...]]]:
    """Return the 2^k arms in which each of k components is on or off, each arm with those of them that are on.

    Other components stay as in `base`. The arms that leave-one-out and add-one-in share with it have the same names
    there.
    """
    others = [name for name in switched_on(base, method) if name not in components]
    arms = []
    for count in range(len(components), -1, -1):
        for on in combinations(components, count):
            off = [name for name in components if name not in on]
            name = _combined(on, off, others, method)
            arms.append((Arm(name, {method.path(one): "off" for one in off}), on))
    return arms


def _combined(on: Sequence[str], off: Sequence[str], others: Sequence[str], method: KnownMethod) -> str:
    """Return the shortest correct name: "MAML++", "MAML++ without X, Y", "MAML + X + Y" or "MAML"."""
    if not off:
        return method.name
    if others or len(off) < len(on) or len(off) == 1:
        return f"{method.name} without {', '.join(off)}"
    return " + ".join([method.plain, *on])


def sweep(path: str, values: Sequence[Any]) -> list[Arm]:
    """Return an arm for each value of one setting."""
    return [Arm(f"{path} = {value}", {path: value}) for value in values]


def compile_arms(
    base: Mapping[str, Any], arms: Sequence[Arm], method: KnownMethod = MAMLPP
) -> dict[str, tuple[Config, tuple[Inert, ...]]]:
    """Return each arm's config and what had no effect in it.

    Raises ValueError for a name used twice, for settings that are wrong, and for two arms that are the same
    training, naming both.
    """
    compiled: dict[str, tuple[Config, tuple[Inert, ...]]] = {}
    problems, shown = list[str](), dict[str, str]()
    for arm in arms:
        if problem := _name_problem(arm.name, shown):
            problems.append(f"ablation.arms: {problem}")
            continue
        if arm.name in compiled:
            problems.append(f'ablation.arms: the name "{arm.name}" appears twice; give each arm its own')
            continue
        try:
            config, dropped = method.normalise(merge(base, arm.overrides))
        except ValidationError as error:
            problems += method.explain(error, f'ablation.arms "{arm.name}"').splitlines()
            continue
        twin = next((name for name, (other, _) in compiled.items() if method.same_training(other, config)), None)
        if twin:
            why = f" (in the latter {dropped[0].path} has no effect: {dropped[0].reason})" if dropped else ""
            problems.append(f'ablation: arms "{twin}" and "{arm.name}" are the same training{why}; leave one out')
        compiled[arm.name] = (config, dropped)
    if problems:
        raise InputError("\n".join(problems))
    return compiled


def _name_problem(name: str, shown: dict[str, str]) -> str:
    """Return what is wrong with an arm's name as displayed; `shown` maps displayed names to names."""
    seen = unicodedata.normalize("NFC", " ".join(name.split()))
    seen = "".join(one for one in seen if unicodedata.category(one) not in ("Cc", "Cf"))
    if not seen or "\0" in name:
        return f"the name {name!r} has {'the character NUL' if seen else 'nothing to see'}; give the arm another"
    if shown.setdefault(seen, name) != name:
        return f"the names {shown[seen]!r} and {name!r} look the same; give each arm its own"
    return ""


def components_off_note(base: Mapping[str, Any], method: KnownMethod) -> tuple[str, ...]:
    """Return a note if components are off in `base`, whose arm is called as the whole method is all the same."""
    config, dropped = method.normalise(dict(base))
    idle = {method.title(inert.path) for inert in dropped}
    off = [name for name in method.titles if getattr(config, method.path(name)) == "off" and name not in idle]
    are = "is" if len(off) == 1 else "are"
    return (f'"{method.name}" here is [trainer] as it stands, in which {", ".join(off)} {are} off',) if off else ()


def varied(
    components: Sequence[str] | None, base: Mapping[str, Any], method: KnownMethod = MAMLPP
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the components that a design can vary, and a note for each that `base` has on without effect."""
    on = switched_on(base, method)
    _, dropped = method.normalise(dict(base))
    reasons = {method.title(i.path): i.reason for i in dropped if i.path in method.components}
    idle = {name: reason for name, reason in reasons.items() if name not in on}
    if components is None:
        if not on:
            start = 'start from preset = "mamlpp"' if method.is_mamlpp else "switch one on there"
            raise InputError(f"ablation: no component is on in [trainer]; {start}")
        return on, tuple(f"{name} is not an arm: {reason}" for name, reason in idle.items())
    problems = []
    for name in dict.fromkeys(components):
        if name not in method.titles:
            known = unknown("component", method.title(name), method.titles)
            problems.append(f'ablation.components "{name}": {known}')
        elif name not in on:
            why = idle.get(name, f"{method.path(name)} is off in [trainer]")
            problems.append(f'ablation.components "{name}": has no effect: {why}; change that, or leave it out')
    if not components:
        problems.append("ablation.components: the list is empty; name components, or leave it out for all")
    if problems:
        raise InputError("\n".join(problems))
    return tuple(dict.fromkeys(components)), ()
