"""Which trials are ranked by held-out accuracy, and how optimistic the search's own scores are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from scipy.stats import t as student_t

from reports.document import compose
from reports.origin import FreshSeeds, SearchedTrial
from reports.records import RunRecord, StudyInfo
from reports.statistics.summary import Search, summarise_search
from reports.tables.held_out import held_out_note, optimism_sentence
from reports.tables.promotion import fresh_sentence
from reports.tables.trials import trials_table

from .example import record

INFO = StudyInfo("hunt", "search", finalists=3)
SE, TASKS = 0.02, 101


def runs(seen: Sequence[float], held_out: Sequence[float | None], seed: int = 0) -> list[RunRecord]:
    """Return a trial for each accuracy in the search, with the one on held-out tasks."""
    rows = []
    for number, (value, held) in enumerate(zip(seen, held_out, strict=True)):
        row = record(number, accuracy=value, trial=number, seed=seed, arm=None)
        scored = {"held_out_accuracy": held, "held_out_accuracy_se": SE, "held_out_tasks": float(TASKS)}
        known = {name: value for name, value in scored.items() if value is not None and held is not None}
        rows.append(replace(row, run_id=f"{number}-{seed}", metrics={**row.metrics, **known}))
    return rows


def numbers(found: Search) -> list[int | None]:
    return [trial.number for trial in found.trials]


@pytest.mark.parametrize(
    ("held_out", "few", "ranked", "finalists"),
    [
        ([0.5, 0.7, 0.6, 0.9], 3, [1, 2, 0, 3], 3),  # trial 3 is not among the best three
        ([0.5, 0.7, 0.6, 0.9], 4, [3, 1, 2, 0], 4),
        ([0.5, 0.7, 0.6, 0.9], 9, [3, 1, 2, 0], 4),
        ([0.5, 0.7, 0.6, 0.9], 1, [0, 1, 2, 3], 1),
        ([0.5, 0.7, 0.6, 0.9], 0, [0, 1, 2, 3], 0),
        ([0.6, 0.6, 0.6, 0.9], 3, [0, 1, 2, 3], 3),  # of equals the search's own score decides
        ([0.5, 0.7, None, 0.9], 3, [0, 1, 2, 3], 0),  # one of the best was trained by an earlier version
        ([0.5, 0.7, 0.6, None], 3, [1, 2, 0, 3], 3),
    ],
)
def test_the_best_few_are_ranked_by_held_out_accuracy_if_all_of_them_have_one(
    held_out: list[float | None], few: int, ranked: list[int], finalists: int
) -> None:
    found = summarise_search(runs([0.9, 0.8, 0.7, 0.6], held_out), replace(INFO, finalists=few))
    assert numbers(found) == ranked
    assert [trial.number for trial in found.finalists] == ranked[:finalists]


def test_the_optimism_is_that_of_the_trial_which_the_search_puts_first_with_an_interval_over_tasks() -> None:
    found = summarise_search(runs([0.9, 0.8, 0.7], [0.5, 0.7, 0.6]), INFO)
    half = 100 * SE * student_t.ppf(0.975, TASKS - 1)
    assert optimism_sentence(found) == (
        "On held-out validation tasks, trial 1 has the highest accuracy of the 3 best trials, 70.00 %. Trial 0, the"
        " best by the search's own score, has 50.00 % there and 90.00 % on the tasks that selected it, an optimism of"
        f" +40.00 points [+{40 - half:.2f}, +{40 + half:.2f}] (95 % over the 101 held-out tasks)."
    )
    same = summarise_search(runs([0.9, 0.8, 0.7], [0.8, 0.7, 0.6]), INFO)
    assert optimism_sentence(same).startswith(
        "On held-out validation tasks, trial 0 has the highest accuracy of the 3 best trials: it has 80.00 % there and"
        " 90.00 % on the tasks that selected it, an optimism of +10.00 points ["
    )
    alone = summarise_search(runs([0.9], [0.8]), INFO)
    assert optimism_sentence(alone).startswith("On held-out validation tasks, trial 0 has 80.00 % there and 90.00 % on")
    page = compose(runs([0.9, 0.8, 0.7], [0.5, 0.7, 0.6]), INFO)
    assert "trial 1 with a validation accuracy of 80.00 % in the search. Its test" in page.headline[0]
    assert page.headline[1] == optimism_sentence(found)


def test_seeds_count_by_the_searchs_score_and_their_tasks_together() -> None:
    """Held-out means 0.6 and 0.55; but the first trial's seeds lie far apart, so that its lower bound is worse."""
    rows = [*runs([0.9, 0.8], [0.4, 0.5], seed=0), *runs([0.9, 0.8], [0.8, 0.6], seed=1)]
    mean, bound = (summarise_search(rows, replace(INFO, score=score)) for score in ("mean", "lower_bound"))
    assert (numbers(mean), numbers(bound)) == ([0, 1], [1, 0])
    held_out = mean.finalists[0].held_out
    assert held_out is not None
    assert held_out.mean == pytest.approx(0.6)
    assert held_out.tasks == 2 * TASKS
    assert held_out.se == pytest.approx(SE / math.sqrt(2))
    without = [replace(row, metrics={"best_val_accuracy": 0.9}) if row.run_id == "0-1" else row for row in rows]
    assert summarise_search(without, INFO).finalists == ()


def test_a_search_without_held_out_accuracies_has_no_word_of_them() -> None:
    rows = runs([0.9, 0.8], [None, None])
    for info in (INFO, replace(INFO, finalists=0)):
        found = summarise_search(rows, info)
        assert (optimism_sentence(found), held_out_note(found)) == ("", [])
        assert "Held-out, %" not in [column.title for column in trials_table(found).columns]
    assert "as the maximum of a search this is biased upward" in compose(rows, INFO).headline[0]


def test_on_fresh_seeds_the_first_is_the_one_that_the_search_ranked_first() -> None:
    def fresh(number: int, score: float, rank: int | None) -> FreshSeeds:
        return FreshSeeds(
            "again", "9", f"trial {number}", SearchedTrial(number, score, 1, rank), (0.5,), (0.5,), ("r",)
        )

    assert "(trial 2) and 50.00 % (trial 1)" in fresh_sentence([fresh(1, 0.9, 2), fresh(2, 0.8, 1)])
    assert "(trial 1) and 50.00 % (trial 2)" in fresh_sentence([fresh(1, 0.9, None), fresh(2, 0.8, None)])
