"""The effect of having a component, measured by removing it from the full method or by adding it to the base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..designs import Across
from .comparison import Comparison
from .estimate import Estimate
from .verdict import BETTER, WORSE

HELPS, HURTS = "helps", "hurts"
_TURNED = {BETTER: WORSE, WORSE: BETTER}


@dataclass(frozen=True)
class Effect:
    """One comparison as the effect of `component` in `where`; the sign is reversed if the arm lacks the component.

    For other comparisons, `component` is the arm and `where` its base. `place`: the value of the setting at which it
    was measured, in a repeated design.
    """

    component: str
    where: str
    comparison: Comparison
    turned: bool = False
    switched: bool = True
    place: int = 0

    @property
    def estimate(self) -> Estimate:
        """The mean effect and its interval."""
        return turned(self.comparison.estimate) if self.turned else self.comparison.estimate

    @property
    def differences(self) -> list[float]:
        """The effect in each seed."""
        return [-d if self.turned else d for d in self.comparison.differences.values()]

    @property
    def word(self) -> str:
        """The verdict on the component: "better" if having it is better."""
        word = self.comparison.verdict.word
        return _TURNED.get(word, word) if self.turned else word


def turned(found: Estimate) -> Estimate:
    """Return the estimate with its sign reversed."""
    low, high = (None if end is None else -end for end in (found.high, found.low))
    return replace(found, mean=-found.mean, low=low, high=high)


def effects_of(comparisons: Sequence[Comparison], across: Across | None = None) -> list[Effect]:
    """Return each comparison as an effect, in order."""
    return [_effect(comparison, across) for comparison in comparisons]


def _effect(c: Comparison, across: Across | None) -> Effect:
    (arm, place), (base, _) = (across.arms[name] if across else (name, 0) for name in (c.arm, c.base))
    found = Named.of(arm, base)
    return Effect(found.component, found.where, c, found.turned, found.switched, place)


class Named(NamedTuple):
    """What a comparison of two arms is the effect of, and `where` it was measured, as their names say."""

    component: str
    where: str
    turned: bool
    switched: bool

    @classmethod
    def of(cls, arm: str, base: str) -> Named:
        """Return what `arm` against `base` is the effect of."""
        if arm.startswith(f"{base} without ") and "," not in arm:
            return cls(arm.removeprefix(f"{base} without "), base, True, True)
        added = arm.removeprefix(f"{base} + ")
        if added != arm and " + " not in added:
            return cls(added, base, False, True)
        return cls(arm, base, False, False)


def by_component(effects: Sequence[Effect]) -> dict[str, list[Effect]]:
    """Return the effects of each component, in the smallest method first."""
    found: dict[str, list[Effect]] = {}
    for effect in sorted(effects, key=lambda one: one.turned):
        found.setdefault(effect.component, []).append(effect)
    return found
