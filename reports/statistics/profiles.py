"""An effect at every value of the setting that a design is repeated across, and how it changes from the first value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .changes import EffectChange
from .effects import Effect, Named, effects_of, turned
from .estimate import Estimate
from .summary import Ablation


@dataclass(frozen=True)
class Profile:
    """What `named` says is the effect of something: by the place of a value, its effect there, and its change since the
    first value.
    """

    named: Named
    effects: Mapping[int, Effect]
    changes: Mapping[int, EffectChange]

    def change(self, place: int) -> Estimate:
        """Return how the effect at a later value differs from that at the first."""
        found = self.changes[place].estimate
        return turned(found) if self.named.turned else found

    @property
    def largest(self) -> float:
        """The largest effect at any value, without its sign."""
        return max((abs(one.estimate.mean) for one in self.effects.values() if one.estimate.n), default=0.0)


def profiles(found: Ablation) -> list[Profile]:
    """Return every effect of a design that is repeated, in the order of its comparisons; none of another design."""
    if found.across is None:
        return []
    effects: dict[Named, dict[int, Effect]] = {}
    for one in effects_of(found.comparisons, found.across):
        named = Named(one.component, one.where, one.turned, one.switched)
        effects.setdefault(named, {})[one.place] = one
    changes: dict[Named, dict[int, EffectChange]] = {}
    for change in found.changes:
        changes.setdefault(Named.of(change.arm, change.base), {})[change.place] = change
    return [Profile(named, own, changes.get(named, {})) for named, own in effects.items()]
