"""Accuracy against compute: the front, its table and figure."""

from __future__ import annotations

from reports.figures.compute import cost_plot
from reports.records import Family, StudyInfo, Sweep
from reports.statistics.summary import Search, summarise_ablation, summarise_search
from reports.tables.ablation import arms_table, family_table
from reports.tables.compute import cost_table, pareto_front
from reports.tables.design import sweep_table
from reports.tables.verdicts import verdict_table

from . import example


def search(*trials: tuple[float, float, str]) -> Search:
    """Return trials (work, accuracy, state)."""
    runs = [
        example.record(
            i,
            state,
            accuracy,
            kind="search",
            metrics={"best_val_accuracy": accuracy, "work": work, "seconds": 10.0 * (i + 1)},
        )
        for i, (work, accuracy, state) in enumerate(trials)
    ]
    return summarise_search(runs, example.SEARCH)


FOUND = search(
    (1.0, 0.9, "complete"),
    (2.0, 0.9, "complete"),
    (0.5, 0.7, "complete"),
    (4.0, 0.95, "complete"),
    (0.1, 0.99, "pruned"),
)


def test_the_front_is_what_nothing_cheaper_equals_and_pruned_trials_are_not_on_it() -> None:
    assert [trial.number for trial in pareto_front(FOUND)] == [2, 0, 3]


def test_the_table_has_work_accuracy_and_time_of_the_front_and_what_the_search_took() -> None:
    table = cost_table(FOUND)
    assert table is not None
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["2", "0.5", "70.00", "30 s"], ["0", "1", "90.00", "10 s"], ["3", "4", "95.00", "40 s"]
    ]  # fmt: skip
    assert (
        table.notes[-1]
        == "The whole search took the compute of 7.6 trainings of the base; 1 of 5 trials were stopped early."
    )


def test_the_figure_shows_complete_and_pruned_trials_apart() -> None:
    figure = cost_plot(FOUND)
    assert figure is not None
    assert "complete (4)" in figure.svg
    assert "pruned (1), at the compute spent" in figure.svg
    assert "n = 4 complete" in figure.caption


def test_runs_without_counted_work_have_no_front() -> None:
    found = summarise_search(example.search(), example.SEARCH)
    assert (cost_table(found), cost_plot(found)) == (None, None)


def test_an_ablation_shows_the_work_of_each_arm_and_of_each_value_of_a_sweep() -> None:
    families = (Family("f", (("one", "three"),)),)
    sweep = Sweep("inner.steps", {"one": 1, "three": 3, "waiting": 5})
    info = StudyInfo("s", "ablation", sweep=sweep, families=families)
    runs = [
        example.record(i, arm=arm, accuracy=0.9, metrics={"test_accuracy": 0.9, "work": work})
        for i, (arm, work) in enumerate((("three", 1.0), ("one", 0.4086)))
    ]
    found = summarise_ablation(runs, info)
    (design,) = found.designs
    assert design.sweep is not None
    for table, works in (
        (arms_table(found), {"three": "1", "one": "0.409"}),
        (family_table(found, "f"), {"three": "1", "one": "0.409"}),
        (verdict_table(found), {"three": "1", "one": "0.409"}),
        (sweep_table(design.sweep, found), {"1": "0.409", "3": "1", "5": "–"}),
    ):
        at = [column.title for column in table.columns].index("Compute, x base")
        assert {row[0].text: row[at].text for row in table.rows} == works
        assert any("counted operations" in note for note in table.notes)
