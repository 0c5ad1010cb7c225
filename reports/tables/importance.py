"""Parameter importance as a sentence and as a table."""

from __future__ import annotations

from ..statistics.importance import Importance, ParameterImportance
from ..text import MINUS
from .cells import Cell, Column, Table

RECORDED = "Ranges, steps, log scales and choices are the search's own."
ESTIMATED = "Ranges, and log scales where values span a factor of 20, are estimated from the trials."


def importance_sentence(found: Importance) -> str:
    """Return which parameter each measure ranks first, or that the trials do not tell."""
    measure = "of the total importance"
    over = f"{found.n_trials} {'complete trials' if found.epoch is None else f'trials after epoch {found.epoch}'}"
    if not found.parameters:
        why = "a random forest predicts them no better than their mean does"
        return f"The {over} do not show which settings mattered: {why}."
    forest, anova = found.parameters[0], max(found.parameters, key=lambda parameter: parameter.ped_anova)
    if forest is anova:
        return (
            f"Over the {over}, {forest.name} mattered most: {100 * forest.forest:.0f} % {measure} by random"
            f" forest, {100 * anova.ped_anova:.0f} % by PED-ANOVA."
        )
    return (
        f"Which setting mattered most over the {over} is not clear: {forest.name} by random forest"
        f" ({100 * forest.forest:.0f} % {measure}), {anova.name} by PED-ANOVA"
        f" ({100 * anova.ped_anova:.0f} %)."
    )


def importance_table(found: Importance) -> Table:
    """Return the parameters' shares by both methods, or only the explanation of why there are none."""
    heads = (
        Column("Parameter"),
        Column("Forest, %", True),
        Column("sd over refits", True),
        Column("PED-ANOVA, %", True),
    )
    rows = tuple(
        (Cell(shown_name(p), p.name), *(Cell(f"{100 * x:.1f}", x) for x in (p.forest, p.forest_sd, p.ped_anova)))
        for p in found.parameters
    )
    return Table(found.title, heads if rows else (), rows, (found.explanation, *_how(found)))


def shown_name(parameter: ParameterImportance) -> str:
    """Return the parameter's name; of a component "NAME and its settings"."""
    return f"{parameter.name} and its settings" if parameter.settings else parameter.name


def _how(found: Importance) -> tuple[str, ...]:
    if not found.parameters or found.forest_r2 is None or found.quantile is None:
        return ()
    grouped = any(p.settings for p in found.parameters)
    together = " A component is shuffled together with its settings, which say whether it is on." if grouped else ""
    return (
        (
            "Forest: permutation importance in a random forest (scikit-learn), each tree measured on trials that it"
            f" was not grown from; out-of-bag R² {f'{found.forest_r2:.2f}'.replace('-', MINUS)}.{together}"
        ),
        (
            f"PED-ANOVA (Optuna): what sets the best {100 * found.quantile:.0f} % of trials"
            f" apart{'; of a component, whether it is on' if grouped else ''}."
            f" {RECORDED if found.recorded else ESTIMATED}"
        ),
    )
