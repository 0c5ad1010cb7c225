"""One sentence on what an ablation compared, for the line below a page's title."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .designs import Across
from .statistics.effects import Effect, effects_of
from .statistics.summary import Ablation
from .text import many

MOST_NAMED = 8
"""Most names in a list; a sweep can have many more."""


def compared_sentence(found: Ablation) -> str:
    """Return "Compared over 8 seeds: CA added to MAML and taken out of MAML++; MAML++ against MAML.": all comparisons,
    those of a component first; "" without any.
    """
    whole = {arm: one for one in found.designs if one.factorial for arm in one.factorial.arms}
    factors = dict.fromkeys(one.factorial.factors for one in found.designs if one.factorial)
    effects = effects_of([c for c in found.comparisons if not {c.arm, c.base} <= whole.keys()], found.across)
    parts = [f"all {2 ** len(names)} combinations of {listed(names)}" for names in factors]
    parts += [*_components([one for one in effects if one.switched]), *_arms(effects)]
    over = f"over {seeds} seeds" if (seeds := _seeds(found)) else ""
    where = ", ".join(filter(None, (_at(found.across) if found.across else "", over)))
    return f"Compared{' ' * bool(where)}{where}: {'; '.join(parts)}." if parts else ""


def listed(names: Sequence[str]) -> str:
    """Return "a, b and c", or of many names the first and how many more there are."""
    shown = [*names[:MOST_NAMED], *([f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else [])]
    return " and ".join([*([", ".join(shown[:-1])] if shown[1:] else []), *shown[-1:]])


def _seeds(found: Ablation) -> str:
    counts = sorted({arm.estimate.n for arm in found.arms if arm.values})
    return " to ".join(map(str, dict.fromkeys((*counts[:1], *counts[-1:]))))


def _at(across: Across) -> str:
    return f"at {across.path} = {listed([*map(str, across.values)])}"


def _components(effects: Sequence[Effect]) -> Iterator[str]:
    """Yield "CA added to MAML and taken out of MAML++", once for all components that are compared in the same ways."""
    ways: dict[str, dict[str, None]] = {}
    for one in sorted(effects, key=lambda effect: effect.turned):
        ways.setdefault(one.component, {})[f"{'taken out of' if one.turned else 'added to'} {one.where}"] = None
    groups: dict[tuple[str, ...], list[str]] = {}
    for component, how in ways.items():
        groups.setdefault(tuple(how), []).append(component)
    for key, names in groups.items():
        yield f"{listed(names)}{', each' * (len(names) > 1)} {listed(key)}"


def _arms(effects: Sequence[Effect]) -> Iterator[str]:
    """Yield "trial 57 and trial 53 against base" for each base of arms that are no component."""
    bases: dict[str, dict[str, None]] = {}
    for one in effects:
        if not one.switched:
            bases.setdefault(one.where, {})[one.component] = None
    for base, arms in bases.items():
        yield f"{_named([*arms], base)} against {base}"


def _named(arms: Sequence[str], base: str) -> str:
    setting, equals, _ = base.rpartition(" = ")
    if equals and all(arm.startswith(f"{setting} = ") for arm in arms):  # a sweep: its setting is named once
        return f"{setting} = {listed([arm.removeprefix(f'{setting} = ') for arm in arms])}"
    unclear = len(arms) > 1 and any("," in arm or " and " in arm for arm in arms)  # a list of them could not be read
    return many(len(arms), "arm") if unclear else listed(arms)
