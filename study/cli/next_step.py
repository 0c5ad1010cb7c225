"""What to type after a study has ended: search, then promote, then export; ablation, then verify."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports import records as names
from reports.records import RunRecord, StudyInfo
from reports.statistics.arms import count_states
from reports.statistics.summary import summarise_ablation, summarise_search
from reports.tables.promotion import promoted

from ..stores.home import Home

FEW_TRIALS = 2
"""With so few complete trials the best of them says little."""


def next_steps(info: StudyInfo, records: Sequence[RunRecord], home: Home) -> Iterator[str]:
    """Yield the commands that follow a study that has ended, a line each, and what to know before them."""
    states = count_states(records)
    if not states.get(names.COMPLETE):
        return
    if info.kind == names.SEARCH:
        complete, pruned = len(summarise_search(records, info).complete), states.get(names.PRUNED, 0)
        if complete <= FEW_TRIALS and pruned:
            yield (
                f"Only {complete} complete trial{'' if complete == 1 else 's'}: the pruner stopped {pruned}, perhaps "
                'good ones. For so small a search write [pruner] name = "none".'
            )
        yield f"Next: {home.command('promote', info.name)} (what the best are worth, on fresh seeds)"
        yield f"      {home.command('ablate', '--from', info.name)} (which of its components matter)"
    elif info.origin and (rows := promoted(summarise_ablation(records, info), info.origin)):
        best = max(rows, key=lambda one: one.validation.mean)
        yield f"Next: {home.command('export', info.name, 'model', '--arm', best.arm)}"
        yield f"      {home.command('verify', info.name)} (do its tables follow from its results?)"
    elif info.kind == names.ABLATION:
        yield f"Next: {home.command('verify', info.name)} (do its tables follow from its results?)"
    else:
        yield f"Next: {home.command('export', info.name, 'model')}"
