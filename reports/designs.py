"""What an ablation compares: families of comparisons, and designs with their own analysis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Family:
    """Comparisons (arm, base) that are judged together: p values are adjusted within them."""

    name: str
    comparisons: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Factorial:
    """A full factorial: `arms` maps each of its 2^k arms to the `factors` (of k) that are on in it."""

    factors: tuple[str, ...]
    arms: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Sweep:
    """One setting, by dotted `path`, varied alone: arm -> its value."""

    path: str
    values: Mapping[str, float | str | bool]


Value = float | str | bool


@dataclass(frozen=True)
class Across:
    """A design repeated at several `values` of the setting `path`: arm -> its name in the design, and the place of its
    value.
    """

    path: str
    values: tuple[Value, ...]
    arms: Mapping[str, tuple[str, int]]

    def changes(self, family: Family) -> tuple[Change, ...]:
        """Return how each comparison of `family` differs between the first value and each other, where it is in
        both.
        """
        at: dict[tuple[str, str], dict[int, tuple[str, str]]] = {}
        for arm, base in family.comparisons:
            (name, place), (other, there) = self.arms[arm], self.arms[base]
            if place == there:
                at.setdefault((name, other), {})[place] = (arm, base)
        return tuple(
            Change(pair, place, found[place], found[0])
            for place in range(1, len(self.values))
            for pair, found in at.items()
            if 0 in found and place in found
        )

    def names_at(self, place: int) -> dict[str, str]:
        """Return the arms at a value, by their names in the design."""
        return {name: arm for arm, (name, there) in self.arms.items() if there == place}

    def families_at(self, family: Family) -> tuple[Family, ...]:
        """Return the comparisons of `family` at each value, as families of their own."""
        at = ((p, [pair for pair in family.comparisons if self.arms[pair[0]][1] == p]) for p in range(len(self.values)))
        return tuple(Family(f"{family.name} ({self.value_text(place)})", tuple(own)) for place, own in at if own)

    def value_text(self, place: int) -> str:
        """Return "budget.epochs = 20"."""
        return f"{self.path} = {self.values[place]}"


@dataclass(frozen=True)
class Change:
    """A comparison of the design (arm, base) at the value in `place` minus the same one at the first value."""

    pair: tuple[str, str]
    place: int
    later: tuple[str, str]
    first: tuple[str, str]


def across_of(tree: Mapping[str, Any]) -> Across:
    """Return the design that JSON made of an `Across`."""
    arms = {arm: (str(name), int(place)) for arm, (name, place) in tree["arms"].items()}
    return Across(tree["path"], tuple(tree["values"]), arms)


def factorial_of(tree: Mapping[str, Any]) -> Factorial:
    """Return a `Factorial` from its JSON form."""
    return Factorial(tuple(tree["factors"]), {arm: tuple(on) for arm, on in tree["arms"].items()})


def family_of(tree: Mapping[str, Any]) -> Family:
    """Return a `Family` from its JSON form."""
    pairs: Iterable[Iterable[str]] = tree["comparisons"]
    return Family(tree["name"], tuple((arm, base) for arm, base in pairs))


def families_of(rows: Iterable[Any]) -> tuple[Family, ...]:
    """Return families from their short form in JSON, [name, [[arm, base], ...]] each."""
    return tuple(Family(str(name), tuple((str(arm), str(base)) for arm, base in pairs)) for name, pairs in rows)


def designs_of(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return what JSON made of a study's families and designs, by the names of its fields."""
    factorial, sweep, across = (tree.get(name) for name in ("factorial", "sweep", "across"))
    return {
        "families": tuple(family_of(one) for one in tree.get("families", ())),
        "factorial": factorial and factorial_of(factorial),
        "sweep": sweep and Sweep(sweep["path"], dict(sweep["values"])),
        "across": across and across_of(across),
    }
