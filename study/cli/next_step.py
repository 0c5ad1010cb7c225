"""The commands suggested after a study: search, then promote, then export; ablation, then verify."""

from __future__ import annotations

from collections.abc import Iterator

from reports import records as names
from reports.results import Results
from reports.statistics.arms import count_states
from reports.statistics.summary import Search
from reports.tables.promotion import promoted

from ..stores.home import Home

FEW_TRIALS = 2
"""With at most this many complete trials, it is mostly chance which is the best."""


def next_steps(found: Results, home: Home) -> Iterator[str]:
    """Yield the next commands after an ended study, one per line, with notes."""
    states, info, summary = count_states(found.records), found.info, found.summary
    if not states.get(names.COMPLETE):
        return
    if isinstance(summary, Search):
        complete, pruned = len(summary.complete), states.get(names.PRUNED, 0)
        if complete <= FEW_TRIALS and pruned:
            yield (
                f"Only {complete} complete trial{'' if complete == 1 else 's'}: the pruner stopped {pruned}, possibly "
                'good ones. For such a small search, set [pruner] name = "none".'
            )
        yield f"Next: {home.command('promote', info.name)} (retrains the best configs on fresh seeds)"
        yield f"      {home.command('ablate', '--from', info.name)} (measures which components of the best matter)"
    elif info.origin and (rows := promoted(summary, info.origin)):
        best = max(rows, key=lambda one: one.validation.mean)
        yield f"Next: {home.command('export', info.name, 'model', '--arm', best.arm)}"
        yield f"      {home.command('verify', info.name)} (checks the report against the raw results)"
    elif info.kind == names.ABLATION:
        yield f"Next: {home.command('verify', info.name)} (checks the report against the raw results)"
    else:
        yield f"Next: {home.command('export', info.name, 'model')}"
