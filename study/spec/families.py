"""Whether a study has enough seeds to find anything: judged by the power of the test that its families are declared to
have.
"""

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

from .config import SpecError, StudyConfig


def declared_tests(config: StudyConfig) -> dict[str, DeclaredTest]:
    """Return the declared test of each family that has comparisons, by its name."""
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
    """Raise SpecError naming each family that would miss even a large effect in most studies, unless the spec allows
    that.
    """
    if config.ablation is None:
        return
    _refuse_a_first_look_that_cannot_decide(config.ablation.looks)
    if config.ablation.allow_underpowered:
        return
    problems = [
        f'ablation.seeds = {test.seeds}: the family "{name}" ({test.size} in one test) finds an effect of'
        f" {LARGE:g} standard deviations of a paired difference in {100 * large_effect_power(test):.0f} % of studies;"
        f" 80 % needs {seeds_needed(test.size, test.moderated)} seeds"
        for name, test in declared_tests(config).items()
        if large_effect_power(test) < HOPELESS
    ]
    if problems:
        raise SpecError(
            [
                *problems,
                (
                    "train more seeds, declare smaller [[ablation.families]], or write allow_underpowered = true under"
                    " [ablation]"
                ),
            ]
        )


def _refuse_a_first_look_that_cannot_decide(looks: tuple[int, ...]) -> None:
    if looks and (level := look_levels(looks)[0]) < smallest_p(looks[0]):
        raise SpecError(
            [
                f"ablation.looks = {list(looks)}: with {looks[0]} seeds p is at least {smallest_p(looks[0]):.3g}, and"
                f" the first look is tested at {level:.3g}, so it cannot decide anything; start with more seeds, or"
                " leave it out"
            ]
        )
