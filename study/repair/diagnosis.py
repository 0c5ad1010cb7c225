"""Diagnosis: all disagreements between a study's stores, checkpoints and journal, and fixing them."""

from __future__ import annotations

from . import abandoned_checks, checkpoint_checks, store_checks
from .disagreement import Disagreement
from .state import StoredStudy, read_stored


def diagnose(stored: StoredStudy) -> list[Disagreement]:
    """Return what disagrees, in the order in which it can be fixed.

    While a driver is running, only what it is not writing is compared.
    """
    checks = [
        store_checks.lost_trials, store_checks.deleted_own_run, store_checks.duplicate_runs,
        store_checks.conflicting_ends, store_checks.lost_runs, store_checks.lost_results,
    ]  # fmt: skip
    if not stored.driver:
        checks += [
            abandoned_checks.abandoned, abandoned_checks.unwritten_events, checkpoint_checks.unread_results,
            checkpoint_checks.missing_epochs, checkpoint_checks.missing_checkpoints, checkpoint_checks.leftover_files,
            abandoned_checks.own_state,
        ]  # fmt: skip
    return [found for check in checks for found in check(stored)]


def fix_all(stored: StoredStudy) -> tuple[list[Disagreement], list[Disagreement]]:
    """Apply every fix, repeating for problems that appear only afterwards; return what was fixed and what is left."""
    fixed: list[Disagreement] = []
    while fixable := [one for one in diagnose(stored) if one.fix and one not in fixed]:
        for one in fixable:
            assert one.fix is not None
            one.fix()
        fixed += fixable
        stored = read_stored(stored.home, stored.name, alone=True)
    left = diagnose(stored)
    return [one for one in fixed if one not in left], left
