"""The page of a search: what its best are worth on fresh seeds first, how they differ from the base, and the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from reports.build import build_report
from reports.data.files import write_files
from reports.data.follow_up_results import fresh_in
from reports.document import compose
from reports.figures.compute import cost_plot, trial_noise
from reports.metric import Metric
from reports.origin import FreshSeeds, Origin, SearchedTrial
from reports.records import ReportError, RunRecord, StudyInfo
from reports.statistics.summary import summarise_search
from reports.tables.promotion import fresh_sentence
from reports.tables.trials import differences_table, trials_table
from reports.verify import verify_documents

from .example import ABLATION, against, record

INFO = StudyInfo("hunt", "search", searched=("ca", "ca.period", "inner.lr", "lslr"), base={
    "ca": "on", "ca.period": "1.0", "inner.lr": "0.1", "lslr": "on", "model.filters": "8",
})  # fmt: skip


def trials(values: Sequence[float] = (0.9, 0.8, 0.7), **metrics: float) -> list[RunRecord]:
    """Return a trial a value: without CA, at rising rates."""
    rows = []
    for number, value in enumerate(values):
        params = {"inner.lr": f"0.{number + 1}", "lslr": "on", "ca": "off", "model.filters": "8"}
        errors = {"val_accuracy_se": [(1, 0.02), (10, 0.01)]}
        row = record(number, accuracy=value, trial=number, seed=0, params=params, arm=None)
        kept = {**row.metrics, "work": 1.0 + number, **metrics}
        rows.append(replace(row, metrics=kept, curves={**row.curves, **errors}))
    return rows


def fresh(number: int, score: float, test: Sequence[float], study: str = "again") -> FreshSeeds:
    trial, runs = SearchedTrial(number, score), tuple(f"{number}-{i}" for i in range(len(test)))
    return FreshSeeds(study, "9", f"trial {number}", trial, tuple(test), tuple(test), runs)


def test_what_the_best_are_worth_on_fresh_seeds_comes_first_and_the_searchs_own_score_second() -> None:
    info = replace(INFO, fresh=(fresh(1, 0.8, [0.75, 0.77]), fresh(0, 0.9, [0.7, 0.72])))
    report = compose(trials(), info)
    assert report.headline[0].startswith(
        "Retrained on 2 new seeds, the best 2 trials reach a test accuracy of 71.00 % ["
    )
    assert report.headline[0].endswith("] (trial 0) and 76.00 % (trial 1).")
    assert report.subtitle.startswith("Search over 4 settings; 3 configs tried")
    assert "trial 0 with a validation accuracy of 90.00 % in the search; as the maximum of" in report.headline[1]
    assert [section.title for section in report.sections][:2] == ["Best trials on fresh seeds", "Trials"]
    assert "Retrained" not in compose(trials(), INFO).headline[0]
    alone = fresh_sentence([replace(fresh(3, 0.9, [0.7]), test=())])
    assert alone == "Retrained on 1 new seed, trial 3 reaches a validation accuracy of 70.00 %."
    unfinished = fresh_sentence([fresh(1, 0.8, [0.75, 0.77]), fresh(0, 0.9, [0.7])])
    assert unfinished.startswith("Retrained on 1 to 2 new seeds, the best 2 trials reach a test accuracy of 70.00 %")


def test_a_trial_of_two_studies_on_fresh_seeds_is_named_once_beside_its_base() -> None:
    both = [replace(fresh(1, 0.8, [0.75, 0.77]), base="base", base_test=(0.6, 0.62)), fresh(0, 0.9, [0.7, 0.72])]
    sentence = fresh_sentence([fresh(0, 0.9, [0.5, 0.5], "a"), *both])
    assert sentence.endswith("] (trial 0) and 76.00 % (trial 1).")
    assert fresh_sentence(both[:1]).endswith("; base 61.00 %.")


def test_the_best_stand_against_the_base_setting_by_setting_with_what_is_off() -> None:
    table = differences_table(summarise_search(trials(), INFO), INFO.base)
    assert table is not None
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert rows == {
        "ca": ["on", "off", "off", "off"],
        "ca.period": ["1", "off", "off", "off"],
        "inner.lr": ["0.1", "0.1", "0.2", "0.3"],
    }
    assert [cell.best for cell in table.rows[2]] == [False, False, False, True, True]
    assert differences_table(summarise_search(trials(), INFO), {}) is None


def test_settings_that_never_vary_have_no_column() -> None:
    table = trials_table(summarise_search(trials(), INFO))
    titles = [column.title for column in table.columns]
    assert "inner.lr" in titles
    assert not {"ca", "ca.period", "lslr"} & set(titles)
    assert "The same in all of these: ca = off, ca.period = off, lslr = on." in table.notes
    alone = trials_table(summarise_search(trials([0.9]), INFO))
    assert "lslr" in [column.title for column in alone.columns]


def test_the_front_has_its_noise_and_what_lies_far_from_it_is_left_out_and_counted() -> None:
    search = summarise_search(trials([0.95, 0.96, 0.97, 0.2, 0.3]), INFO)
    figure = cost_plot(search)
    assert figure is not None
    assert "Left out, far from the front: 2 trials." in figure.caption
    assert "over its validation tasks (1.96 standard errors)" in figure.caption
    low, high = figure.drawing.axes[0].get_ylim()
    assert 90 < low < 95 < 97 < high < 100
    assert trial_noise(search.trials[0], search.measured) == pytest.approx(1.96 * 0.01)


def test_the_report_of_promoted_trials_is_taken_along(tmp_path: Path) -> None:
    origin = Origin("hunt", {"MAML": SearchedTrial(0, 0.9), "MAML++": SearchedTrial(1, 0.8)})
    runs = [record(10 * i + s, accuracy=0.7 + 0.01 * s + 0.1 * i, arm=arm, seed=s)
            for i, arm in enumerate(origin.trials) for s in range(3)]  # fmt: skip
    info = replace(ABLATION, name="again", families=against(("MAML++", "MAML")), origin=origin)
    build_report(runs, info, tmp_path / "again")
    first, second = fresh_in(tmp_path / "again", "hunt")
    assert (first.trial.number, first.arm, second.trial.number) == (0, "MAML", 1)
    assert first.test == pytest.approx([0.7, 0.71, 0.72])
    assert (first.base, second.base, second.base_test) == ("", "MAML", first.test)
    build_report(trials(), replace(INFO, fresh=(first, second)), tmp_path / "hunt")
    assert verify_documents(tmp_path / "hunt") == []
    with pytest.raises(ReportError, match='follows from the search "hunt", not from "other"'):
        fresh_in(tmp_path / "again", "other")
    with pytest.raises(ReportError, match='"hunt", which follows from no search'):
        fresh_in(tmp_path / "hunt", "hunt")


def test_of_a_metric_whose_lower_values_are_better_the_lowest_score_comes_first(tmp_path: Path) -> None:
    origin = Origin("hunt", {"MAML": SearchedTrial(0, 0.9), "MAML++": SearchedTrial(1, 0.8)})
    loss = Metric("loss", better="lower", title="Loss")
    info = replace(ABLATION, name="again", families=against(("MAML++", "MAML")), origin=origin, measured=loss)
    rows = [record(i, accuracy=0.5, arm=arm) for i, arm in enumerate(("MAML", "MAML++"))]
    write_files(rows, info, tmp_path)
    assert [one.arm for one in fresh_in(tmp_path, "hunt")] == ["MAML++", "MAML"]
