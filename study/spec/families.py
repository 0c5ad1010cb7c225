"""Checks whether an ablation has enough seeds, by the power of its families' declared tests."""

from __future__ import annotations

from reports.statistics.declared_test import (
    HOPELESS,
    LARGE,
    DeclaredTest,
    declared_test,
    large_effect_power,
    seeds_needed,
)
from reports.statistics.looks import look_levels
from reports.statistics.permutation import smallest_p
from reports.text import many

from .config import SpecError, StudyConfig


def declared_tests(config: StudyConfig) -> dict[str, DeclaredTest]:
    """Return the declared test of each family with comparisons, by name."""
    if config.ablation is None:
        return {}
    sizes = {family.name: len(family.comparisons) for family in config.families if family.comparisons}
    if config.across:
        sizes = {f.name: sizes[f.name] + len(config.across.changes(f)) for f in config.families if f.name in sizes}
    if config.ablation.adjust == "study":
        sizes = dict.fromkeys(sizes, sum(sizes.values()))
    moderated = config.ablation.test == "moderated"
    looks = config.ablation.looks
    return {name: declared_test(size, len(config.seeds), looks, moderated) for name, size in sizes.items()}


def refuse_underpowered(config: StudyConfig) -> None:
    """Raise SpecError listing the families that would miss even a large effect in most studies, unless allowed."""
    if config.ablation is None:
        return
    _refuse_a_first_look_that_cannot_decide(config.ablation.looks)
    if config.ablation.allow_underpowered:
        return
    problems = [
        f'ablation.seeds = {test.seeds}: the family "{name}" ({_size(test)} in one test) has only'
        f" {100 * large_effect_power(test):.0f} % power to detect a large effect ({LARGE:g} standard deviations of a"
        f" paired difference); 80 % power needs {seeds_needed(test.size, test.moderated, looks=test.planned)} seeds"
        for name, test in declared_tests(config).items()
        if large_effect_power(test) < HOPELESS
    ]
    if problems:
        raise SpecError(
            [
                *problems,
                (
                    "use more seeds, declare smaller [[ablation.families]], or write allow_underpowered = true under"
                    " [ablation]"
                ),
            ]
        )


def _size(test: DeclaredTest) -> str:
    return many(test.size, "comparison")


def _refuse_a_first_look_that_cannot_decide(looks: tuple[int, ...]) -> None:
    if looks and (level := look_levels(looks)[0]) < smallest_p(looks[0]):
        raise SpecError(
            [
                f"ablation.looks = {list(looks)}: with {looks[0]} seeds p is at least {smallest_p(looks[0]):.3g}, but"
                f" the first look is tested at level {level:.3g}, so it cannot decide anything; start with more seeds,"
                " or remove that look"
            ]
        )
