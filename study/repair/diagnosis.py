"""Do Optuna, MLflow, the checkpoints and the journal of a study say the same? What does not, and what mends it."""

from __future__ import annotations

from . import abandoned_checks, checkpoint_checks, store_checks
from .disagreement import Disagreement
from .state import StoredStudy, read_stored


def diagnose(stored: StoredStudy) -> list[Disagreement]:
    """Return what disagrees, in the order in which it can be mended.

    While a driver lives, what it is just writing is left out.
    """
    checks = [
        store_checks.lost_trials, store_checks.deleted_own_run, store_checks.doubled_runs,
        store_checks.different_ends, store_checks.lost_runs, store_checks.lost_results,
    ]  # fmt: skip
    if not stored.driver:
        checks += [
            abandoned_checks.abandoned, abandoned_checks.unwritten_events, checkpoint_checks.unread_results,
            checkpoint_checks.missing_epochs, checkpoint_checks.gone_checkpoints, checkpoint_checks.leftover_files,
            abandoned_checks.own_state,
        ]  # fmt: skip
    return [found for check in checks for found in check(stored)]


def mend(stored: StoredStudy) -> tuple[list[Disagreement], list[Disagreement]]:
    """Apply every cure, and those of what shows only then; return what was mended and what is left."""
    mended: list[Disagreement] = []
    while cures := [one for one in diagnose(stored) if one.cure and one not in mended]:
        for one in cures:
            assert one.cure is not None
            one.cure()
        mended += cures
        stored = read_stored(stored.home, stored.name, alone=True)
    left = diagnose(stored)
    return [one for one in mended if one not in left], left
