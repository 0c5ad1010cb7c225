"""One changed result, one changed cell: each is found, and nothing else is."""

import json
import re
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
import pytest

from reports.build import build_report
from reports.data.files import read_files, write_files
from reports.data.manifest import MANIFEST, Manifest, read_manifest
from reports.records import ReportError, RunRecord
from reports.render.tables_json import MAKERS, TABLES, made_with
from reports.tables.cells import EVERY_RUN
from reports.verify import drift, pages_note, verify_documents, verify_records, verify_repeats

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
    build_report(_records(), replace(example.ABLATION, families=example.against(("B", "A"))), tmp_path)
    return tmp_path


def test_a_report_as_it_was_written_has_no_difference(folder: Path) -> None:
    assert verify_documents(folder) == []
    assert verify_records(read_files(folder)[1], read_files(folder)[1]) == []


TABLE = "tables.json, table 'Verdicts', row 1"


def change(file: Path, old: str, new: str) -> None:
    """Change a text in one of a report's files, and the manifest so that it does not say so."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    folder = next(parent for parent in file.parents if (parent / MANIFEST).exists())
    manifest = read_manifest(folder)
    assert manifest
    (folder / MANIFEST).write_text(Manifest.of(folder, manifest.what, manifest.study, manifest.files).to_text())


def told(folder: Path) -> list[tuple[str, str, str]]:
    return [(one.where, one.found, one.expected) for one in verify_documents(folder)]


def test_tables_json_holds_every_table_but_that_of_all_runs_as_numbers(folder: Path) -> None:
    tree = json.loads((folder / TABLES).read_text(encoding="utf-8"))
    table = tree["tables"][0]
    frame = pd.DataFrame(table["values"], columns=table["columns"]).set_index("Arm")
    assert (table["title"], [*frame["Test accuracy, %"]]) == ("Verdicts", [0.625, 0.625])
    assert table["texts"][0][2] == "62.50"
    assert frame.loc["B", "n"] == 2
    assert tree["study"] == "omniglot_ablation"
    assert EVERY_RUN not in [table["title"] for table in tree["tables"]]


def test_a_value_that_differs_by_more_than_rounding_is_found(folder: Path) -> None:
    change(folder / TABLES, "     0.625,", "     0.6250000000001,")
    assert told(folder) == []  # another processor's last digit
    change(folder / TABLES, "     0.6250000000001,", "     0.6251,")
    assert told(folder) == [(f"{TABLE}, column 3 (Test accuracy, %)", "0.6251", "0.625")]


def test_a_text_in_tables_json_that_the_results_do_not_give_is_found(folder: Path) -> None:
    change(folder / TABLES, '"62.50"', '"62.51"')
    assert told(folder) == [(f"{TABLE}, column 3 (Test accuracy, %)", "62.51", "62.50")]


def test_tables_that_are_no_tables_are_one_difference(folder: Path) -> None:
    for text in ("", "[]", "{}", '{"headline": [], "tables": [{"title": 1}]}'):
        (folder / TABLES).write_text(text)
        assert [where for where, *_ in told(folder)] == [str(folder), TABLES], text


@pytest.mark.parametrize("name", ["index.html", "report.md", "tables/arms-against-a.tex"])
def test_a_changed_page_is_found_by_its_checksum_and_where_that_was_changed_too_by_its_line(
    folder: Path, name: str
) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(text.replace("62.50", "62.51", 1), encoding="utf-8")
    damage = f"{name} is damaged, or was changed since it was written"
    assert (str(folder), damage, "as its manifest or its other files say") in told(folder)
    (folder / name).write_text(text, encoding="utf-8")
    change(folder / name, "62.50", "62.51")
    ((where, found, expected),) = told(folder)
    assert (where.partition(",")[0], "62.51" in found, "62.50" in expected) == (name, True, True)


def test_pages_of_other_releases_are_not_compared_line_by_line_and_that_is_said(folder: Path) -> None:
    assert pages_note(folder) == ""
    here = version("matplotlib")
    change(folder / TABLES, f'"matplotlib": "{here}"', '"matplotlib": "3.0"')
    change(folder / "report.md", "# omniglot", "# another")
    assert told(folder) == []
    assert (
        pages_note(folder) == f"its pages were not compared, because they were made with matplotlib 3.0 (here {here})"
    )


@pytest.mark.slow
def test_importances_by_forests_of_another_scikit_learn_are_not_compared_and_that_is_said(tmp_path: Path) -> None:
    build_report(example.search(), example.SEARCH, tmp_path)
    tree = json.loads((tmp_path / TABLES).read_text(encoding="utf-8"))
    here = tree["made_with"]["scikit-learn"]
    table = next(one for one in tree["tables"] if one["title"].startswith("Parameter importance"))
    value = table["values"][0][1]
    change(tmp_path / TABLES, f"{value}", f"{value + 1e-4}")
    ((where, *_),) = told(tmp_path)
    assert where.startswith(f"{TABLES}, table '{table['title']}', row 1, column 2")
    change(tmp_path / TABLES, f'"scikit-learn": "{here}"', '"scikit-learn": "1.0"')
    assert told(tmp_path) == []
    assert "its pages and importances by random forest were not compared" in pages_note(tmp_path)
    title, text = next(
        (one["title"], one["texts"][0][0]) for one in tree["tables"] if not one["title"].startswith("Parameter")
    )
    change(tmp_path / TABLES, json.dumps(text), '"another"')
    assert [where.partition(", row")[0] for where, *_ in told(tmp_path)] == [f"{TABLES}, table '{title}'"]


def test_a_report_of_an_earlier_version_is_checked_by_the_accuracies_on_its_page(folder: Path) -> None:
    (folder / TABLES).unlink()
    (folder / MANIFEST).unlink()
    page = folder / "report.md"
    page.write_text(page.read_text(encoding="utf-8").replace("# omniglot", "# In other words, omniglot"))
    assert told(folder) == []
    assert f"`mamlab report --from {folder} --out {folder}` makes it again" in pages_note(folder)
    text = page.read_text(encoding="utf-8")
    first = re.findall(r"\d+\.\d\d\b", re.sub(r"\[[^\]]*\]", "", text))[0]
    page.write_text(text.replace(first, "1.23"))
    wrong = told(folder)
    assert {(where.partition(",")[0], found) for where, found, _ in wrong} == {("report.md", "1.23")}
    page.unlink()
    assert [where for where, *_ in told(folder)] == ["report.md"]


def test_one_changed_result_is_found_in_its_tables_in_its_tasks_and_against_mlflow(folder: Path) -> None:
    info, records = read_files(folder)
    changed = [replace(records[0], metrics={"test_accuracy": 0.625}), *records[1:]]
    write_files(changed, info, folder)
    found = told(folder)
    assert (f"{TABLE}, column 3 (Test accuracy, %)", "62.50", "68.75") in found
    assert ("runs.csv, run 0, test_accuracy", "0.625", "0.5, the mean in per_task.parquet") in found
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
    assert [found for _, found, _ in told(folder)] == ["report.md is missing", ""]


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


def test_a_report_can_be_made_from_a_source_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(package: str) -> str:
        if package == "mamlab":
            raise PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr("reports.render.tables_json.version", absent)
    assert made_with().keys() == {*MAKERS} - {"mamlab"}
