"""Compiles [ablation] to arms and families, repeated at each value of `across`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.records import Across, Factorial, Family, Sweep
from search_spaces.ablations import Arm, compile_arms
from search_spaces.across import base_at, positions_note, read_across, refuse_same_training, repeat
from search_spaces.designs import FamilyOf, Plan, plan
from trainers.errors import InputError
from trainers.known_method import KnownMethod
from trainers.overrides import Tree, flatten, merge

from .ablation_section import AblationSection
from .config import SpecError, StudyConfig
from .trainer_section import Trainer


def compiled_ablation(section: AblationSection, trainer: Trainer, common: Tree) -> StudyConfig:
    """Return the ablation of a spec; `common` are the fields of all kinds of study. Raises SpecError."""
    try:
        fields = _once(section, trainer) if section.across is None else _across(section, trainer)
    except InputError as error:
        raise SpecError(
            [line if line.startswith("ablation") else f"ablation: {line}" for line in str(error).splitlines()]
        ) from None
    return StudyConfig(
        **common, **fields, kind="ablation", base_tree=trainer.tree, base=trainer.config, dropped=trainer.dropped,
        ablation=section,
    )  # fmt: skip


def _design(section: AblationSection, base: Mapping[str, Any], method: KnownMethod) -> Plan:
    own = [Arm(arm.name, flatten(merge({}, arm.set))) for arm in section.arms]
    return plan(
        section.design, base, components=section.components, swept=section.sweep, own=own,
        own_base=section.base, families=[FamilyOf(f.name, f.base, f.arms) for f in section.families],
        method=method,
    )  # fmt: skip


def _once(section: AblationSection, trainer: Trainer) -> dict[str, Any]:
    found = _design(section, trainer.tree, trainer.method)
    return {
        "arms": compile_arms(trainer.tree, found.arms, trainer.method),
        "families": tuple(Family(name, pairs) for name, pairs in found.families.items()),
        **_analysed(found),
        "notes": found.notes,
    }


def _analysed(found: Plan) -> dict[str, Any]:
    """Return the design that has an analysis of its own, with the names of its arms."""
    return {
        "factorial": Factorial(found.factors, found.on) if found.on else None,
        "sweep": Sweep(found.path, found.values) if found.path else None,
    }


def _across(section: AblationSection, trainer: Trainer) -> dict[str, Any]:
    base, method = trainer.tree, trainer.method
    path, values = read_across(section.across or {})
    plans = {value: _design_at(section, trainer, path, value) for value in values}
    found = repeat(path, plans)
    refuse_same_training(base, found, method)
    return {
        "arms": compile_arms(base, found.arms, method),
        "families": tuple(Family(name, pairs) for name, pairs in found.families.items()),
        "across": Across(path, values, found.of),
        **_analysed(plans[values[0]]),
        "notes": (*found.notes, *positions_note(path, base, method)),
    }


def _design_at(section: AblationSection, trainer: Trainer, path: str, value: Any) -> Plan:
    tree = base_at(trainer.tree, path, value, trainer.method)
    try:
        return _design(section, tree, trainer.method)
    except InputError as error:
        lines = str(error).splitlines()
        raise InputError("\n".join(f"{line} (across: {path} = {value})" for line in lines)) from None
