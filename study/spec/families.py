"""Whether a family of comparisons can be significant at all with the seeds of a study."""

from __future__ import annotations

from reports.statistics.permutation import ALPHA, seeds_needed, smallest_p

from .config import SpecError, StudyConfig


def smallest_adjusted(family_size: int, seeds: int) -> float:
    """Return the smallest Holm-adjusted sign-flip p that a comparison of the family can reach."""
    return min(1.0, family_size * smallest_p(seeds))


def refuse_underpowered(config: StudyConfig) -> None:
    """Raise SpecError naming each family that no data could make significant, unless the spec allows that."""
    if config.ablation is None or config.ablation.allow_underpowered:
        return
    seeds = len(config.seeds)
    problems = [
        f'ablation.seeds = {seeds}: the family "{family.name}" (size {len(family.comparisons)}) can never be'
        f" significant: its smallest Holm-adjusted p is {smallest_adjusted(len(family.comparisons), seeds):.3g}; it"
        f" needs {seeds_needed(len(family.comparisons))} seeds"
        for family in config.families
        if smallest_adjusted(len(family.comparisons), seeds) > ALPHA
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
