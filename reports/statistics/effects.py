"""The effect of having a component, whichever way it was measured: taken out of the whole method, or added alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .comparison import Comparison
from .estimate import Estimate
from .verdict import BETTER, WORSE

HELPS, HURTS = "helps", "hurts"
_TURNED = {BETTER: WORSE, WORSE: BETTER}


@dataclass(frozen=True)
class Effect:
    """One comparison as the effect of `component` in `where`: of an arm without it the sign is turned.

    A comparison of other arms has the arm as its component, and its base as `where`.
    """

    component: str
    where: str
    comparison: Comparison
    turned: bool = False
    switched: bool = True

    @property
    def estimate(self) -> Estimate:
        """The mean effect and its interval."""
        found = self.comparison.estimate
        if not self.turned:
            return found
        low, high = (None if end is None else -end for end in (found.high, found.low))
        return Estimate(-found.mean, low, high, found.n)

    @property
    def differences(self) -> list[float]:
        """The effect in each seed."""
        return [-d if self.turned else d for d in self.comparison.differences.values()]

    @property
    def word(self) -> str:
        """The verdict's word of the component: "better" where having it is better."""
        word = self.comparison.verdict.word
        return _TURNED.get(word, word) if self.turned else word


def effects_of(comparisons: Sequence[Comparison]) -> list[Effect]:
    """Return each comparison as an effect, in their order."""
    return [_effect(comparison) for comparison in comparisons]


def _effect(c: Comparison) -> Effect:
    if c.arm.startswith(f"{c.base} without ") and "," not in c.arm:
        return Effect(c.arm.removeprefix(f"{c.base} without "), c.base, c, turned=True)
    added = c.arm.removeprefix(f"{c.base} + ")
    if added != c.arm and " + " not in added:
        return Effect(added, c.base, c)
    return Effect(c.arm, c.base, c, switched=False)


def by_component(effects: Sequence[Effect]) -> dict[str, list[Effect]]:
    """Return the effects of each component, those of the smallest method first."""
    found: dict[str, list[Effect]] = {}
    for effect in sorted(effects, key=lambda one: one.turned):
        found.setdefault(effect.component, []).append(effect)
    return found
