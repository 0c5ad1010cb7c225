"""Compiles a design into arms and families of comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from trainers.error_messages import unknown
from trainers.errors import InputError
from trainers.known_method import MAMLPP, KnownMethod
from trainers.overrides import flatten, merge

from .ablations import Arm, add_one_in, components_off_note, factorial, leave_one_out, sweep, switched_on, varied
from .dimensions import confused, means_same

Design = Literal["leave_one_out", "add_one_in", "both", "factorial", "sweep", "arms"]
Pairs = tuple[tuple[str, str], ...]
"""(arm, base arm): which is compared with which."""

LARGEST_FACTORIAL = 8


@dataclass(frozen=True)
class Plan:
    """What a design compiles to.

    Attributes:
        arms: what is trained on every seed.
        families: name -> comparisons that are judged together.
        on: of a factorial: arm -> its `factors` that are on; own arms are no part of it.
        values: of a sweep of the setting `path`: arm -> value.
        notes: information for the user that needs no action.
    """

    arms: tuple[Arm, ...]
    families: Mapping[str, Pairs]
    notes: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    path: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FamilyOf:
    """A family as a user declares it: each of `arms` (None: every other arm) against `base`."""

    name: str
    base: str
    arms: tuple[str, ...] | None = None


def plan(
    design: Design,
    base: Mapping[str, Any],
    *,
    components: Sequence[str] | None = None,
    swept: Mapping[str, Any] | None = None,
    own: Sequence[Arm] = (),
    own_base: str | None = None,
    families: Sequence[FamilyOf] = (),
    method: KnownMethod = MAMLPP,
) -> Plan:
    """Return the arms of a design and their comparisons.

    Args:
        design: "arms" has only `own`; the others put their own arms before these.
        base: nested overrides of the full method.
        components: what the design varies; None for all that have an effect in `base`.
        swept: one setting (dotted, or nested) -> its values; only for design "sweep".
        own: arms that the user wrote.
        own_base: the arm that `own`, and the values of a sweep, are compared with; None for the first of all arms, or
            the value in `base`.
        families: what is compared; empty for the design's own families.
        method: whose components and settings these are.

    Raises ValueError with a line for each thing that is wrong.
    """
    _refuse_unused(design, components, swept, own)
    found = _compiled(design, base, components, swept, method)
    arms = (*found.arms, *own)
    names = [arm.name for arm in arms]
    reference = own_base or _reference(found, base, method) or names[0]
    if reference not in names:
        raise InputError(f'ablation.base = "{reference}": {unknown("arm", reference, names)}')
    rest = {f"{found.path} against {reference}": found.values, "own arms": [arm.name for arm in own]}
    pairs = {title: tuple((arm, reference) for arm in some if arm != reference) for title, some in rest.items()}
    declared = _declared(families, names) if families else {**found.families, **pairs}
    kept = {title: members for title, members in declared.items() if members}
    return Plan(arms, kept, found.notes, found.factors, found.on, found.path, found.values)


def _refuse_unused(
    design: Design, components: Sequence[str] | None, swept: Mapping[str, Any] | None, own: Sequence[Arm]
) -> None:
    if components is not None and design in ("arms", "sweep"):
        raise InputError(f'ablation.components: design = "{design}" does not switch components; leave them out')
    if swept is not None and design != "sweep":
        raise InputError(f'ablation.sweep: only design = "sweep" uses it, not "{design}"; leave one of the two out')
    if design == "arms" and len(own) < 2:
        raise InputError('ablation.arms: design = "arms" needs at least two [[ablation.arms]] to compare')


def _compiled(
    design: Design, base: Mapping[str, Any], components: Sequence[str] | None, swept: Mapping[str, Any] | None,
    method: KnownMethod,
) -> Plan:  # fmt: skip
    """Return the design's own arms and families."""
    if design == "arms":
        return Plan((), {})
    if design == "sweep":
        return _sweep(swept)
    names, notes = varied(components, base, method)
    notes += components_off_note(base, method) if design != "add_one_in" else ()
    if design == "factorial":
        return _factorial(names, base, notes, method)
    if design == "both" and len(names) < 3 and len(names) == len(switched_on(base, method)):
        other = "factorial" if len(names) == 2 else "leave_one_out"
        raise InputError(
            f'ablation.design = "both" would train the same twice: only {" and ".join(names)}'
            f' {"is" if len(names) == 1 else "are"} on in [trainer]; write design = "{other}"'
        )
    arms = leave_one_out(names, method) if design != "add_one_in" else []
    arms += add_one_in(names, base, method) if design != "leave_one_out" else []
    return Plan(tuple(arms), _component_families([arm.name for arm in arms], method), notes)


def _factorial(components: Sequence[str], base: Mapping[str, Any], notes: tuple[str, ...], method: KnownMethod) -> Plan:
    if not 2 <= len(components) <= LARGEST_FACTORIAL:
        raise InputError(
            f'ablation.components: design = "factorial" takes 2 to {LARGEST_FACTORIAL} components, not'
            f' {len(components)}; name others, or choose design = "{"both" if components[1:] else "leave_one_out"}"'
        )
    arms = factorial(components, base, method)
    on = {arm.name: some for arm, some in arms}
    without = tuple((arm, method.name) for arm, some in on.items() if len(some) == len(components) - 1)
    plain = next(arm for arm, some in on.items() if not some)
    families = {
        "leave one out": without,
        "add one in": tuple((arm, plain) for arm, some in on.items() if len(some) == 1),
        "whole method": ((method.name, plain),),
    }
    return Plan(tuple(arm for arm, _ in arms), families, notes, tuple(components), on)


def _component_families(names: Sequence[str], method: KnownMethod) -> dict[str, Pairs]:
    """Return the default families: each leave-one-out arm against MAML++, each add-one-in arm against MAML, MAML++
    against MAML.
    """
    full, plain = method.name, method.plain
    return {
        "leave one out": tuple((name, full) for name in names if name.startswith(f"{full} without ")),
        "add one in": tuple((name, plain) for name in names if name.startswith(f"{plain} + ")),
        "whole method": ((full, plain),) if {full, plain} <= set(names) else (),
    }


def _sweep(swept: Mapping[str, Any] | None) -> Plan:
    flat = flatten(merge({}, swept or {}))
    path, values = next(iter(flat.items()), ("", None))
    if len(flat) != 1 or not isinstance(values, list) or len(values) < 2:
        raise InputError(
            'ablation.sweep: design = "sweep" varies one setting over at least two values; '
            'write sweep = { "inner.steps" = [1, 2, 3, 4, 5] }'
        )
    if not any(isinstance(value, list | dict) for value in values) and (problem := confused(values)):
        raise InputError(f"ablation.sweep.{path}: {problem}")
    arms = sweep(path, values)
    return Plan(tuple(arms), {}, path=path, values={arm.name: arm.overrides[path] for arm in arms})


def _reference(found: Plan, base: Mapping[str, Any], method: KnownMethod) -> str | None:
    """Return the arm whose value is that of the base."""
    config = method.normalise(dict(base))[0]
    now, epochs = method.settings(config).get(found.path), method.epochs(config)
    place = method.position(found.path)
    return next((arm for arm, value in found.values.items() if means_same(value, now, epochs, place)), None)


def _declared(families: Sequence[FamilyOf], names: Sequence[str]) -> dict[str, Pairs]:
    """Return what the user declared; each comparison stands in one family."""
    found: dict[str, Pairs] = {}
    home: dict[tuple[str, str], str] = {}
    problems: list[str] = []
    for family in families:
        where = f'ablation.families "{family.name}"'
        arms = [name for name in names if name != family.base] if family.arms is None else family.arms
        problems += [f"{where}: {unknown('arm', name, names)}" for name in (family.base, *arms) if name not in names]
        if family.name in found:
            problems.append(f"{where}: the name appears twice; give each family its own")
        if family.base in arms:
            problems.append(f'{where}: "{family.base}" is compared with itself; leave it out of arms')
        for pair in ((arm, family.base) for arm in arms):
            if home.setdefault(pair, family.name) != family.name:
                problems.append(
                    f'{where}: "{pair[0]}" against "{pair[1]}" is in "{home[pair]}" too; a comparison has one family'
                )
        found[family.name] = tuple((arm, family.base) for arm in dict.fromkeys(arms))
    if problems:
        raise InputError("\n".join(problems))
    return found
