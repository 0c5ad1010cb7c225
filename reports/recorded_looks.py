"""Looks taken at a study: the complete seeds that a command showed, and what was declared by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .designs import Family, families_of


@dataclass(frozen=True)
class RecordedLook:
    """One look: the complete `seeds` shown, and what the spec declared: looks, margin (points), test, adjustment and
    families. The last three are empty in records of earlier versions.
    """

    seeds: tuple[int, ...]
    looks: tuple[int, ...] = ()
    margin: float | None = None
    test: str = ""
    adjust: str = ""
    families: tuple[Family, ...] = ()

    def as_tree(self) -> dict[str, Any]:
        """Return it as JSON, without what is empty in earlier versions."""
        later = {
            "test": self.test,
            "adjust": self.adjust,
            "families": [[one.name, [list(pair) for pair in one.comparisons]] for one in self.families],
        }
        first = {"seeds": list(self.seeds), "looks": list(self.looks), "margin": self.margin}
        return first | {key: value for key, value in later.items() if value}

    def declared_otherwise(
        self, looks: Sequence[int], margin: float | None, test: str, adjust: str, families: Sequence[Family]
    ) -> str:
        """Return what was declared at this look and is not declared now, in words; empty if it is the same. A family
        may have grown.
        """
        found = []
        if self.looks != tuple(looks):
            found.append(f"looks {list(self.looks)}")
        if self.margin != margin:
            found.append("no margin" if self.margin is None else f"a margin of {self.margin:g}")
        if self.test not in ("", test):
            found.append(f'test = "{self.test}"')
        if self.adjust not in ("", adjust):
            found.append(f'adjust = "{self.adjust}"')
        now = [set(family.comparisons) for family in families]
        if any(not any(set(family.comparisons) <= own for own in now) for family in self.families):
            found.append("other families of comparisons")
        return " and ".join([*([", ".join(found[:-1])] if found[1:] else []), *found[-1:]])


def recorded_look(tree: Mapping[str, Any]) -> RecordedLook:
    """Return a `RecordedLook` from its JSON form. Raises TypeError, ValueError or KeyError for another form."""
    margin = tree.get("margin")
    return RecordedLook(
        tuple(int(seed) for seed in tree["seeds"]),
        tuple(int(look) for look in tree.get("looks", ())),
        None if margin is None else float(margin),
        str(tree.get("test", "")),
        str(tree.get("adjust", "")),
        families_of(tree.get("families", ())),
    )
