"""The rungs of pruners: the epochs after which a trial goes on only if it is among the better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .sections import Named
from .short_look import SHORT_LOOK, look_options

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.study import Study
    from optuna.trial import FrozenTrial

HALVING = ("successive_halving", "hyperband")
"""The pruners that have several."""
EPOCHS = "budget.epochs"
"""The setting for the length of a trial; a space may search it."""


def halving_options(section: Named, epochs: int) -> dict[str, Any]:
    """Return the options of a pruner with rungs, for runs of `epochs` epochs: Optuna's names, defaults filled in."""
    own: dict[str, Any] = {"min_resource": max(1, epochs // 9), "reduction_factor": 3}
    return own | ({"max_resource": epochs} if section.name == "hyperband" else {}) | section.options


def are_placed(section: Named) -> bool:
    """Whether the user places the rungs. Only then may they be in the second half of the epochs."""
    return bool({"min_resource", "min_early_stopping_rate"} & section.options.keys())


def rungs(section: Named, epochs: int) -> list[int]:
    """Return the epochs after which the pruner may stop a trial of `epochs` epochs, ascending (of all brackets).

    A rung is `min_resource * reduction_factor ** k`; the last epoch is none, as nothing is left to save there. Empty
    for a pruner without rungs.
    """
    if section.name == SHORT_LOOK:
        look: int = look_options(section, epochs)["epochs"]
        return [look] if look < epochs else []
    if section.name not in HALVING:
        return []
    options = halving_options(section, epochs)
    least, factor = options["min_resource"], options["reduction_factor"]
    rung = max(1, epochs // 100) if least == "auto" else least
    rung *= factor ** options.get("min_early_stopping_rate", 0)
    last = epochs - 1 if are_placed(section) else epochs // 2
    found = []
    while rung <= last:
        found.append(rung)
        rung *= factor
    return found


def late_rungs(section: Named, epochs: int) -> list[int]:
    """Return the rungs in the second half: trials stopped there have used more than half of their epochs."""
    halves = section.name in HALVING
    return [rung for rung in rungs(section, epochs) if rung > epochs // 2] if halves else []


def up_to_half(pruner: type[BasePruner], epochs: int) -> type[BasePruner]:
    """Return the class `pruner` without its rungs beyond half of a trial's epochs (`epochs`, unless the trial has its
    own).
    """

    class UpToHalf(pruner):  # type: ignore[misc, valid-type]  # a class of Optuna's, which is imported only when one is made
        def prune(self, study: Study, trial: FrozenTrial) -> bool:
            step = trial.last_step
            return step is not None and step <= trial.params.get(EPOCHS, epochs) // 2 and super().prune(study, trial)

    UpToHalf.__name__ = UpToHalf.__qualname__ = pruner.__name__  # shown as Optuna's class
    return UpToHalf


def rungs_text(section: Named, epochs: int, *, searched: bool = False) -> str:
    """Return where the rungs are, as a sentence; empty for a pruner without rungs. `searched`: trials differ in their
    epochs.
    """
    if section.name == SHORT_LOOK:
        look = look_options(section, epochs)
        return (
            f"Short look: every trial stops after epoch {look['epochs']} of {epochs}; one goes on to its end as soon as"
            f" it is in the better 1 in {look['one_in']}."
        )
    if section.name not in HALVING:
        return ""
    found = rungs(section, epochs)
    if not found:
        return f"Rungs: none within half of {epochs} epochs, so {section.name} stops no trial."
    factor = halving_options(section, epochs)["reduction_factor"]
    text = f"Rungs: epochs {', '.join(map(str, found))} of {epochs}; at each, 1 trial in {factor} goes on."
    if section.name == "hyperband":
        text += " Each bracket leaves out one more of the first rungs."
    return text + (" A shorter trial has those up to half of its own epochs." if searched else "")
