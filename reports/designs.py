"""What an ablation compares: families of comparisons, and the designs that have an analysis of their own."""

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
    """A full factorial: `arms` maps each of its 2^k arms to those of the k `factors` that are on in it."""

    factors: tuple[str, ...]
    arms: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Sweep:
    """One setting, by dotted `path`, varied alone: arm -> its value."""

    path: str
    values: Mapping[str, float | str | bool]


def factorial_of(tree: Mapping[str, Any]) -> Factorial:
    """Return the design that JSON made of a `Factorial`."""
    return Factorial(tuple(tree["factors"]), {arm: tuple(on) for arm, on in tree["arms"].items()})


def family_of(tree: Mapping[str, Any]) -> Family:
    """Return the family that JSON made of a `Family`."""
    pairs: Iterable[Iterable[str]] = tree["comparisons"]
    return Family(tree["name"], tuple((arm, base) for arm, base in pairs))
