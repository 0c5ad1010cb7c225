"""One sentence on what an ablation compared, for the line below a page's title."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..designs import Across
from ..origin import Origin
from ..statistics.effects import Effect, effects_of
from ..statistics.summary import Ablation
from ..text import MOST_NAMED, between, listed, many


def compared_sentence(found: Ablation) -> str:
    """Return "Compared over 8 seeds: CA added to MAML and taken out of MAML++; MAML++ against MAML.": all comparisons,
    those of a component first; "" without any.
    """
    whole = {arm: one for one in found.designs if one.factorial for arm in one.factorial.arms}
    factors = dict.fromkeys(one.factorial.factors for one in found.designs if one.factorial)
    effects = effects_of([c for c in found.comparisons if not {c.arm, c.base} <= whole.keys()], found.across)
    parts = [f"all {2 ** len(names)} combinations of {listed(names)}" for names in factors]
    parts += [*_components([one for one in effects if one.switched]), *_arms(effects)]
    over = f"over {seeds}" if (seeds := _seeds(found, "seed")) else ""
    where = ", ".join(filter(None, (_at(found.across) if found.across else "", over)))
    return f"Compared{' ' * bool(where)}{where}: {'; '.join(parts)}." if parts else ""


def promoted_sentence(found: Ablation, origin: Origin) -> str:
    """Return the sentence of a study that retrains the best trials of a search: "The best 3 trials of the search hunt,
    retrained on 8 fresh seeds: ..."; "" where other arms are compared, too.
    """
    if not found.comparisons or any(one.arm not in origin.trials for one in found.comparisons):
        return ""
    trials = {one.arm for one in found.comparisons}
    which = f"The best {len(trials)} trials" if len(trials) > 1 else "The best trial"
    on = _seeds(found, "fresh seed") or "fresh seeds"
    who = "; ".join(_arms(effects_of(found.comparisons)))
    return f"{which} of the search {origin.search}, retrained on {on}: {who}."


def named(effects: Sequence[Effect]) -> str:
    """Return "MSL and BNWB in MAML and MAML++; MAML++ against MAML": every effect once, with where it was measured; a
    base that is that of all is left out.
    """
    where = _alike((one.component, one.where) for one in effects if one.switched)
    bases = _arms_by_base(effects)
    parts = [f"{name} in {listed(places)}" for places, names in where.items() for name in _joined(names)]
    alone = len(bases) == 1 and not where
    parts += [name + f" against {base}" * (not alone) for base, arms in bases.items() for name in _joined(arms)]
    more = f" and {len(parts) - MOST_NAMED} more" if len(parts) > MOST_NAMED else ""
    return "; ".join(parts[:MOST_NAMED]) + more


def _joined(names: Sequence[str]) -> Sequence[str]:
    """Return the names as one list, or each alone if one has a comma."""
    return names if any("," in name for name in names) else [listed(names)]


def _seeds(found: Ablation, noun: str) -> str:
    """Return "8 seeds", or "6 to 8 seeds" where arms differ; "" without any run."""
    return between((arm.estimate.n for arm in found.arms if arm.values), noun)


def _at(across: Across) -> str:
    return f"at {across.path} = {listed([*map(str, across.values)])}"


def _components(effects: Sequence[Effect]) -> Iterator[str]:
    """Yield "CA added to MAML and taken out of MAML++", once for all components that are compared in the same ways."""
    ordered = sorted(effects, key=lambda one: one.turned)
    how = _alike((one.component, f"{'taken out of' if one.turned else 'added to'} {one.where}") for one in ordered)
    for ways, names in how.items():
        yield f"{listed(names)}{', each' * (len(names) > 1)} {listed(ways)}"


def _arms(effects: Sequence[Effect]) -> Iterator[str]:
    """Yield "trial 57 and trial 53 against base" for each base of arms that are no component."""
    for base, arms in _arms_by_base(effects).items():
        yield f"{_named(arms, base)} against {base}"


def _arms_by_base(effects: Sequence[Effect]) -> dict[str, list[str]]:
    """Return base -> the arms compared to it that are no component."""
    pairs = dict.fromkeys((one.where, one.component) for one in effects if not one.switched)
    return {base: [arm for own, arm in pairs if own == base] for base, _ in pairs}


def _alike(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, ...], list[str]]:
    """Return what names are paired with -> the names that are paired with exactly that."""
    own: dict[str, dict[str, None]] = {}
    for name, value in pairs:
        own.setdefault(name, {})[value] = None
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, values in own.items():
        groups.setdefault(tuple(values), []).append(name)
    return groups


def _named(arms: Sequence[str], base: str) -> str:
    setting, equals, _ = base.rpartition(" = ")
    if equals and all(arm.startswith(f"{setting} = ") for arm in arms):  # a sweep: its setting is named once
        return f"{setting} = {listed([arm.removeprefix(f'{setting} = ') for arm in arms])}"
    unclear = len(arms) > 1 and any("," in arm or " and " in arm for arm in arms)  # a list of them could not be read
    return many(len(arms), "arm") if unclear else listed(arms)
