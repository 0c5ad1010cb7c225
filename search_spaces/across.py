"""A design repeated at several values of one other setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from trainers.errors import InputError
from trainers.known_method import MAMLPP, KnownMethod
from trainers.method import Config
from trainers.overrides import Tree, flatten, merge
from trainers.sections import POSITIONS

from .ablations import Arm
from .designs import Pairs, Plan
from .dimensions import confused


@dataclass(frozen=True)
class Repeated:
    """A design at each of the `values` of the setting `path`.

    Attributes:
        arms: of all values, those of the first value first.
        families: the design's families, each with its comparisons at every value.
        of: arm -> its name in the design, and the place of its value.
        notes: what the user should know and need not mend.
    """

    path: str
    values: tuple[Any, ...]
    arms: tuple[Arm, ...]
    families: Mapping[str, Pairs]
    of: Mapping[str, tuple[str, int]]
    notes: tuple[str, ...] = ()


def read_across(table: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """Return the setting, dotted, and its values. Raises InputError for anything but one setting with two or more."""
    flat = flatten(merge({}, table))
    path, values = next(iter(flat.items()), ("", None))
    if len(flat) != 1 or not isinstance(values, list) or len(values) < 2:
        raise InputError(
            "ablation.across: repeats the design at two or more values of one setting; write"
            ' across = { "budget.epochs" = [20, 80] }'
        )
    if problem := confused(values):
        raise InputError(f"ablation.across.{path}: {problem}")
    return path, tuple(values)


def base_at(base: Mapping[str, Any], path: str, value: Any, method: KnownMethod = MAMLPP) -> Tree:
    """Return `base` with the setting at a value. Raises InputError if the setting cannot have it."""
    tree = merge(base, {path: value})
    try:
        method.normalise(tree)
    except ValidationError as error:
        raise InputError(method.explain(error, "ablation.across")) from None
    return tree


def at_value(arm: str, path: str, value: Any) -> str:
    """Return an arm's name at a value: "MAML++ without DA (epochs = 20)"; of other sections the whole path."""
    return f"{arm} ({path.removeprefix('budget.')} = {value})"


def repeat(path: str, plans: Mapping[Any, Plan]) -> Repeated:
    """Return the design at every value: `plans` maps each to what the design compiles to there.

    Raises InputError where an arm of the design sets the setting itself.
    """
    arms: list[Arm] = []
    families: dict[str, Pairs] = {}
    of: dict[str, tuple[str, int]] = {}
    for place, (value, found) in enumerate(plans.items()):
        for arm in found.arms:
            _refuse_own_value(path, arm)
            name = at_value(arm.name, path, value)
            arms.append(Arm(name, {path: value, **arm.overrides}))
            of[name] = (arm.name, place)
        for family, pairs in found.families.items():
            here = tuple((at_value(arm, path, value), at_value(base, path, value)) for arm, base in pairs)
            families[family] = (*families.get(family, ()), *here)
    notes = tuple(dict.fromkeys(note for found in plans.values() for note in found.notes))
    return Repeated(path, tuple(plans), tuple(arms), families, of, (*notes, *_not_everywhere(path, plans)))


def _refuse_own_value(path: str, arm: Arm) -> None:
    if path in flatten(merge({}, arm.overrides)):
        raise InputError(
            f'ablation.across.{path}: the arm "{arm.name}" sets {path} itself; repeat the design at values of a setting'
            " that none of its arms sets"
        )


def _not_everywhere(path: str, plans: Mapping[Any, Plan]) -> list[str]:
    """Return notes on arms that are missing at some values, so that their change is unknown."""
    everywhere = {arm.name for found in plans.values() for arm in found.arms}
    found = []
    for value, plan in plans.items():
        if missing := sorted(everywhere - {arm.name for arm in plan.arms}):
            found.append(
                f"at {path} = {value} these arms are missing, so their change is unknown: {', '.join(missing)}"
            )
    return found


def refuse_same_training(base: Mapping[str, Any], found: Repeated, method: KnownMethod = MAMLPP) -> None:
    """Raise InputError for an arm that trains the same at two values: the setting has no effect in it."""
    known: dict[str, dict[int, Config]] = {}
    for arm in found.arms:
        name, place = found.of[arm.name]
        try:
            config, _ = method.normalise(merge(base, arm.overrides))
        except ValidationError:  # of the arm's own settings: said where arms are compiled
            continue
        for other, earlier in known.setdefault(name, {}).items():
            if method.same_training(config, earlier):
                raise InputError(
                    f'ablation.across.{found.path}: the arm "{name}" trains the same with {found.values[other]} and'
                    f" {found.values[place]}, as the setting has no effect in it; choose one that acts in every arm"
                )
        known[name][place] = config


def positions_note(path: str, tree: Tree, method: KnownMethod = MAMLPP) -> tuple[str, ...]:
    """Return which positions in time do not scale with the length of a training, where that is what varies."""
    if path != "budget.epochs" or not method.is_mamlpp:
        return ()
    config = method.normalise(tree)[0]
    set_here = flatten(config.model_dump())
    fixed = [f"{name} = {value}" for name in POSITIONS if isinstance(value := set_here.get(name), int) and value]
    if not fixed:
        return ()
    return (
        f"across budget.epochs: {', '.join(fixed)} stays so many epochs at every value; write a share of the run (0.5)"
        " to let it scale",
    )
