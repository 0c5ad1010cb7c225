"""Headline sentences of an ablation; an arm that lost runs is never named without saying so."""

from __future__ import annotations

from collections.abc import Sequence

from ..designs import Across
from ..metric import ACCURACY
from ..statistics.effects import HELPS, HURTS, Effect, by_component, effects_of
from ..statistics.profiles import Profile, profiles
from ..statistics.summary import Ablation
from ..statistics.verdict import BETTER
from ..text import MOST_NAMED, listed, many, value_text, with_unit
from .compared import named
from .means import mean_sentences
from .significance import tested_sentences, too_few_sentence
from .whole_arms import reach, whole_arm_sentences


def arm_sentences(found: Ablation) -> list[str]:
    """Return what was decided about each component or arm, the best mean, and the test; or what is missing for that."""
    complete = [arm for arm in found.arms if arm.values]
    if not complete:
        what = "accuracy" if found.measured == ACCURACY and found.metric.is_share else found.metric.words
        return [f"No run is complete yet, so there is no {what} to report."]
    few = too_few_sentence(found)
    return [*([few] if few else []), *verdict_sentences(found), *mean_sentences(found), *tested_sentences(found)]


def verdict_sentences(found: Ablation) -> list[str]:
    """Return a sentence for each component or arm with a decision, and one for all others."""
    if found.across is not None:
        return across_sentences(found, found.across)
    judged = effects_of([comparison for comparison in found.comparisons if comparison.estimate.n > 1])
    groups = by_component([one for one in judged if one.switched])
    decided = [own for own in groups.values() if any(one.comparison.verdict.decided for one in own)]
    decided.sort(key=lambda own: -max(abs(one.estimate.mean) for one in own))
    others = [one for one in judged if not one.switched]
    sentences = [_component_sentence(own, found) for own in decided]
    sentences += whole_arm_sentences([one.comparison for one in others if one.comparison.verdict.decided], found)
    left = [one for own in groups.values() if own not in decided for one in own]
    left += [one for one in others if not one.comparison.verdict.decided]
    alike = [one for one in left if one.comparison.verdict.identical]
    open_ones = [one for one in left if not one.comparison.verdict.identical]
    if alike:
        sentences.append(f"No difference in any seed: {named(alike)}.")
    also = any(not one.comparison.verdict.decided for own in decided for one in own)
    silent = not open_ones or too_few_sentence(found)  # which says it of all
    return [*sentences, *([] if silent else [_undecided(open_ones, found, also)])]


def across_sentences(found: Ablation, across: Across) -> list[str]:
    """Return of each effect what it is at every value and whether it changes, the largest first; and which are
    undecided throughout.
    """
    every = [one for one in profiles(found) if any(effect.estimate.n > 1 for effect in one.effects.values())]
    notable = [one for one in every if _is_notable(one)]
    notable.sort(key=lambda one: -one.largest)
    left = [one for one in every if one not in notable]
    sentences = [_profile_sentence(one, found, across) for one in notable[:MOST_NAMED]]
    if len(notable) > MOST_NAMED:
        sentences.append(f"The table has the verdict on {len(notable) - MOST_NAMED} more.")
    if left and not too_few_sentence(found):
        names = ", ".join(_profile_name(one) for one in left[:MOST_NAMED])
        more = f" and {len(left) - MOST_NAMED} more" if len(left) > MOST_NAMED else ""
        sentences.append(f"Undecided at every value of {across.path}, and whether it changes: {names}{more}.")
    return sentences


def _is_notable(one: Profile) -> bool:
    verdicts = [effect.comparison.verdict for effect in one.effects.values()]
    return any(verdict.decided for verdict in verdicts) or any(change.decided for change in one.changes.values())


def _profile_name(one: Profile) -> str:
    return f"{one.named.component} {'in' if one.named.switched else 'against'} {one.named.where}"


def _profile_sentence(one: Profile, found: Ablation, across: Across) -> str:
    """Return "LSLR in MAML++: helps at budget.epochs = 20 (+4.20 points), is undecided at 80 (+3.00 points); from 20 to
    80 it changes by -1.20 points.". A word that holds at all values is said once; values without results are named.
    """
    at = sorted((place, effect) for place, effect in one.effects.items() if effect.estimate.n)
    without = [str(across.values[place]) for place, effect in sorted(one.effects.items()) if not effect.estimate.n]
    words = [_spoken(effect) if one.named.switched else effect.comparison.finding for _, effect in at]
    values = [str(across.values[place]) for place, _ in at]
    amounts = [_points(effect, found) for _, effect in at]
    if len(at) > 1 and len(set(words)) == 1:
        bare = [value_text(effect.estimate.mean, True, found.metric) for _, effect in at[:-1]]
        parts = [f"{words[0]} at {across.path} = {listed(values)} ({listed([*bare, amounts[-1]])})"]
    else:
        values[0] = f"{across.path} = {values[0]}"
        parts = [f"{word} at {value} ({amount})" for word, value, amount in zip(words, values, amounts, strict=True)]
    parts += [f"has no results at {listed(without)}"] if without else []
    return f"{_profile_name(one)}: {', '.join(parts)}{_changes_words(one, found, across)}."


def _changes_words(one: Profile, found: Ablation, across: Across) -> str:
    """Return what is said of each change; several that are undecided are said together."""
    known = [place for place in sorted(one.changes) if one.change(place).n]
    undecided = [place for place in known if not one.changes[place].decided and not one.changes[place].only_in_points]
    several = undecided if len(undecided) > 1 else []
    told = [_change_words(one, place, found, across) for place in known if place not in several]
    if several:
        later = listed([str(across.values[place]) for place in several])
        told.append(f"whether it changes from {across.values[0]} to {later} is undecided")
    return "".join(f"; {text}" for text in told)


def _change_words(one: Profile, place: int, found: Ablation, across: Across) -> str:
    change, span = one.changes[place], f"from {across.values[0]} to {across.values[place]}"
    amount = with_unit(one.change(place).mean, found.metric, True)
    if change.changes:
        return f"{span} it changes by {amount}"
    if change.verdict.equivalent:
        return f"{span} it holds within {change.verdict.margin_text} ({amount})"
    if change.only_in_points:
        return f"{span} it changes by {amount}, {change.only_in_points}"
    return f"whether it changes {span} is undecided ({amount})"


def _component_sentence(own: Sequence[Effect], found: Ablation) -> str:
    """Return "LSLR helps: +4.17 points in MAML, +4.40 in MAML++.", or each method with its own word."""
    words = {_spoken(one) for one in own}
    if len(words) == 1:
        numbers = [_amount(one, found, unit=not place) for place, one in enumerate(own)]
        return f"{own[0].component} {words.pop()}: {', '.join(numbers)}."
    ranked = sorted(own, key=lambda one: not one.comparison.verdict.decided)
    parts = [f"{_spoken(one)} in {one.where} ({_points(one, found)})" for one in ranked]
    return f"{own[0].component} {', '.join(parts)}."


def _spoken(one: Effect) -> str:
    c = one.comparison
    if not c.verdict.direction:
        return f"makes no difference beyond {c.verdict.margin_text}" if c.verdict.equivalent else "is undecided"
    word = HELPS if one.word == BETTER else HURTS
    if lost := _lost(one):
        finishes = " when it finishes" if c.diverged and not one.turned and c.verdict.direction == BETTER else ""
        word += f"{finishes} ({lost})"
    if c.verdict.equivalent:
        return f"{word}, by less than {c.verdict.margin_text}"
    return f"{word}, by more than {c.verdict.margin_text}" if c.verdict.beyond else word


def _lost(one: Effect) -> str:
    """Return how many runs diverged with the component, and without it."""
    c = one.comparison
    counts = {"with": c.base_diverged, "without": c.diverged} if one.turned else {
        "with": c.diverged, "without": c.base_diverged,
    }  # fmt: skip
    return ", ".join(f"{many(count, 'run')} {which} it diverged" for which, count in counts.items() if count)


def _amount(one: Effect, found: Ablation, unit: bool) -> str:
    return f"{_points(one, found) if unit else value_text(one.estimate.mean, True, found.metric)} in {one.where}"


def _points(one: Effect, found: Ablation) -> str:
    return with_unit(one.estimate.mean, found.metric, True)


def _undecided(own: Sequence[Effect], found: Ablation, also: bool) -> str:
    """Return "Undecided: MSL and BNWB in MAML and MAML++; MAML++ against MAML." and how far their intervals reach;
    `also`: some of what is decided was undecided elsewhere.
    """
    head = f"{'Also undecided' if also else 'Undecided'}: {named(own)}"
    if not any(one.comparison.test.can_be_significant for one in own):
        elsewhere = any(comparison.test.can_be_significant for comparison in found.comparisons)
        return f"{head}{'; so few seeds can decide nothing' * elsewhere}."
    ends = [end for one in own for end in (one.estimate.low, one.estimate.high) if end is not None]
    finished = ", of those that finished" if any(one.comparison.survivors for one in own) else ""
    whose = "Its" if len(own) == 1 else "Their"
    are = "interval reaches" if len(own) == 1 else "intervals reach"
    reached = f" {whose} {found.look_progress.confidence} % {are} {reach(ends, found)}{finished}." if ends else ""
    return f"{head}.{reached}"
