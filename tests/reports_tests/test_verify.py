"""One changed result, one changed cell: each is found, and nothing else is."""

from dataclasses import replace
from pathlib import Path

import pytest

from reports.build import build_report
from reports.data.files import read_files, write_files
from reports.records import ReportError, RunRecord
from reports.verify import drift, verify_documents, verify_records, verify_repeats

from . import example


def _records() -> list[RunRecord]:
    """Return a small study whose accuracies are the means of their tasks."""
    found = []
    for i, (arm, accuracy) in enumerate([("A", 0.5), ("A", 0.75), ("B", 0.25), ("B", 1.0)]):
        tasks = [accuracy - 0.125, accuracy + 0.125]
        record = example.record(i, arm=arm, seed=i % 2, accuracy=accuracy, curves={}, per_task={"single": tasks})
        found.append(replace(record, metrics={"test_accuracy": accuracy}))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build_report(_records(), replace(example.ABLATION, comparisons=(("B", "A"),)), tmp_path)
    return tmp_path


def test_a_report_as_it_was_written_has_no_difference(folder: Path) -> None:
    assert verify_documents(folder) == []
    assert verify_records(read_files(folder)[1], read_files(folder)[1]) == []


@pytest.mark.parametrize(
    ("name", "old", "where"),
    [
        ("index.html", ">62.50<", "index.html, table 'Arms against A', row 1, column 3"),
        ("report.md", "**62.50**", "report.md, table 'Arms against A', row 1, column 3"),
        ("tables/arms-against-a.tex", "62.50", "tables/arms-against-a.tex, table '', row 2, column 3"),
    ],
)
def test_one_changed_cell_is_found_in_each_format(folder: Path, name: str, old: str, where: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(text.replace(old, old.replace("62.50", "62.51"), 1), encoding="utf-8")
    (found,) = verify_documents(folder)
    assert (found.where, "62.51" in found.found, "62.50" in found.expected) == (where, True, True)


def test_one_changed_result_is_found_in_its_tables_in_its_tasks_and_against_mlflow(folder: Path) -> None:
    info, records = read_files(folder)
    changed = [replace(records[0], metrics={"test_accuracy": 0.625}), *records[1:]]
    write_files(changed, info, folder)
    found = [str(difference) for difference in verify_documents(folder)]
    assert "report.md, table 'Arms against A', row 1, column 3: '62.50', but it should be '68.75'" in found
    assert "runs.csv, run 0, test_accuracy: '0.625', but it should be '0.5, the mean in per_task.parquet'" in found
    (difference,) = verify_records(changed, records)
    assert str(difference).endswith("metrics test_accuracy: '0.625', but it should be '0.5'")


def test_one_changed_task_is_found_against_mlflow(folder: Path) -> None:
    _, records = read_files(folder)
    changed = [*records[:3], replace(records[3], per_task={"single": [0.875, 1.0]})]
    (found,) = verify_records(changed, records)
    assert str(found).endswith("per_task single, number 1: '1.0', but it should be '1.125'")


def test_a_run_that_mlflow_does_not_know_and_a_missing_file_are_found(folder: Path) -> None:
    _, records = read_files(folder)
    assert str(verify_records(records, records[1:])[0]).endswith("'in the report', but it should be 'not in MLflow'")
    (folder / "report.md").unlink()
    assert [d.where for d in verify_documents(folder)] == ["report.md"]


def test_repeated_trainings_are_compared_by_cell_to_the_last_bit_but_for_their_times() -> None:
    ours = _records()
    again = [
        replace(ours[1], run_id="a", metrics={"test_accuracy": 0.75, "seconds": 9.0, "work": 2.0}),
        replace(ours[2], run_id="b"),
    ]
    assert verify_repeats(ours, again) == (2, [])
    other = [again[0], replace(again[1], metrics={"test_accuracy": 0.25 + 2**-53}), replace(ours[3], state="pruned")]
    count, (difference,) = verify_repeats(ours, other)
    assert (count, difference.where) == (2, "run 2, metrics test_accuracy")
    with pytest.raises(ReportError, match="no training is complete in both reports"):
        verify_repeats(ours, [replace(ours[0], state="pruned")])


def test_how_far_repeated_trainings_ended_apart_is_told_in_points() -> None:
    ours = [replace(one, metrics={"test_accuracy": 0.5}) for one in _records()[1:3]]
    theirs = [replace(one, metrics={"test_accuracy": score}) for one, score in zip(ours, (0.51, 0.53), strict=True)]
    assert (
        "2 trainings that were repeated: there minus here +2.00 points on average, standard deviation 1.41 ("
        in drift(ours, theirs)
    )
    assert drift(ours, theirs[:1]) == ""
