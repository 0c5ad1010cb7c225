"""What mamlab writes into a folder that a user names: never over what is not its own, whole or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from reports.build import build_report
from reports.data.atomic_file import write_file
from reports.data.files import CURVES, PER_TASK, RUNS, STUDY, is_current, read_files
from reports.data.manifest import MANIFEST, MODEL, REPORT, read_manifest
from reports.data.output_folder import FILES, WRITING, Contents, finish_writing, writing_into
from reports.records import ReportError, RunRecord, StudyInfo

from . import example

INFO = StudyInfo("s", "train")
RECORDS = [example.record(0, accuracy=0.9)]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def write(folder: Path, files: dict[str, str], study: str = "s", what: str = REPORT) -> None:
    with writing_into(folder, Contents(what, study)) as place:
        for name, text in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text)


def fill(folder: Path, names: list[str]) -> dict[str, bytes]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("years of work")
    return contents(folder)


@pytest.mark.parametrize(
    "names",
    [
        ["figures/my_photo.pdf"],
        ["tables/mine.tex", "index.html"],
        ["runs.csv"],
        ["study.json", "runs.csv"],
        ["manifest.json"],
        [".hidden"],
    ],
)
def test_a_folder_that_mamlab_did_not_make_stays_as_it_is(tmp_path: Path, names: list[str]) -> None:
    before = fill(tmp_path, names)
    with pytest.raises(
        ReportError, match=r"is not empty \(.*\), and mamlab did not make it, .*; name another one with"
    ):
        build_report(RECORDS, INFO, tmp_path)
    assert contents(tmp_path) == before


def test_other_files_in_a_report_s_folder_stay_and_only_its_own_are_replaced_or_removed(tmp_path: Path) -> None:
    write(tmp_path, {"a": "1", "figures/b.svg": "1", "figures/c.svg": "1", "figures/d.svg": "1"})
    fill(tmp_path, ["figures/photo.svg", "notes.txt"])
    (tmp_path / "figures" / "c.svg").write_text("changed by hand")
    write(tmp_path, {"a": "2", "figures/d.svg": "1"})
    left = contents(tmp_path)
    assert left.pop(MANIFEST)
    assert {name: text.decode() for name, text in left.items()} == {
        "a": "2",
        "figures/c.svg": "changed by hand",
        "figures/d.svg": "1",
        "figures/photo.svg": "years of work",
        "notes.txt": "years of work",
    }


def test_a_new_file_whose_name_is_taken_is_refused_by_its_name_and_nothing_is_written(tmp_path: Path) -> None:
    write(tmp_path, {"a": "1"})
    before = fill(tmp_path, ["figures/b.svg"])
    with pytest.raises(ReportError, match=r"figures/b\.svg is there, and mamlab did not write it"):
        write(tmp_path, {"a": "2", "figures/b.svg": "2"})
    assert contents(tmp_path) == before
    assert not (tmp_path / WRITING).exists()


@pytest.mark.parametrize("name", ["figures", "figures/b.svg", "figures/c.svg"])
def test_nothing_is_written_or_deleted_through_a_link(tmp_path: Path, name: str) -> None:
    folder, elsewhere = tmp_path / "report", tmp_path / "elsewhere"
    files = {"a": "1", "figures/b.svg": "1", "figures/c.svg": "1"}
    write(folder, files)
    shutil.move(folder / name, elsewhere)
    (folder / name).symlink_to(elsewhere)
    before = contents(tmp_path)
    try:
        write(folder, {"a": "2", "figures/b.svg": "2"})
    except ReportError as error:
        assert "(or it is a link), so nothing was written" in str(error)
        assert contents(tmp_path) == before
    else:
        assert name == "figures/c.svg"  # no longer written: the link and what it leads to stay
    assert contents(elsewhere) == before or elsewhere.read_bytes() == b"1" if elsewhere.is_file() else True
    assert (folder / name).is_symlink()


@pytest.mark.parametrize(("study", "what"), [("other", REPORT), ("s", MODEL)])
def test_a_folder_that_holds_something_else_of_mamlab_s_is_refused(tmp_path: Path, study: str, what: str) -> None:
    write(tmp_path, {"a": "1"}, study, what)
    with pytest.raises(ReportError, match=f'holds the {what} of the study "{study}"; name another one with --out'):
        write(tmp_path, {"a": "2"})
    assert (tmp_path / "a").read_text() == "1"


def test_the_results_of_other_runs_of_a_study_of_that_name_are_not_replaced(tmp_path: Path) -> None:
    build_report(RECORDS, INFO, tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ReportError, match='holds the results of 1 other runs of a study "s"'):
        build_report([example.record(7)], INFO, tmp_path)
    assert contents(tmp_path) == before
    build_report([*RECORDS, example.record(7, seed=1)], INFO, tmp_path)
    assert len(read_files(tmp_path)[1]) == 2


@pytest.mark.parametrize("name", ["../precious", "/etc/precious", "a/../../precious", ""])
def test_a_manifest_that_names_files_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "report"
    write(folder, {"a": "1"})
    fill(tmp_path, ["precious"])
    tree = json.loads((folder / MANIFEST).read_text())
    tree["files"] = {name: "0" * 64}
    (folder / MANIFEST).write_text(json.dumps(tree))
    with pytest.raises(ReportError, match=r"manifest\.json is damaged"):
        write(folder, {"a": "2"})
    assert (tmp_path / "precious").exists()


def test_a_damaged_manifest_is_said_to_be_damaged(tmp_path: Path) -> None:
    write(tmp_path, {"a": "1"})
    (tmp_path / MANIFEST).write_text((tmp_path / MANIFEST).read_text()[:-20])
    with pytest.raises(ReportError, match=r"manifest\.json is damaged, .*; if it wrote all of them, delete"):
        write(tmp_path, {"a": "2"})


def old_report(folder: Path, records: list[RunRecord] = RECORDS, info: StudyInfo = INFO) -> None:
    """Write a report as it was before there were manifests."""
    build_report(records, info, folder)
    (folder / MANIFEST).unlink()


@pytest.mark.slow
def test_a_report_from_before_manifests_is_adopted_once_and_other_files_in_it_stay(tmp_path: Path) -> None:
    old_report(tmp_path, example.ablation(2), example.ABLATION)
    fill(tmp_path, ["figures/my_photo.pdf", "notes.txt"])
    assert (tmp_path / "figures" / "differences.pdf").exists()
    build_report([run for run in example.ablation(2) if run.arm == "MAML++"], example.ABLATION, tmp_path)
    assert (tmp_path / "notes.txt").exists()
    assert (tmp_path / "figures" / "my_photo.pdf").exists()
    assert not (tmp_path / "figures" / "differences.pdf").exists()
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert not manifest.adopted
    assert {*manifest.files} == {*contents(tmp_path)} - {"figures/my_photo.pdf", "notes.txt", MANIFEST}


@pytest.mark.parametrize("name", [PER_TASK, CURVES])
def test_half_a_report_from_before_manifests_is_adopted_and_never_read_as_whole(tmp_path: Path, name: str) -> None:
    old_report(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:40])
    assert not is_current(tmp_path)
    build_report(RECORDS, INFO, tmp_path)
    assert is_current(tmp_path)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    build_report(RECORDS, INFO, folder)
    return folder


@pytest.mark.parametrize("name", [STUDY, RUNS, PER_TASK, CURVES])
@pytest.mark.parametrize("spoil", ["missing", "damaged"])
def test_a_damaged_export_is_named_and_never_read(built: Path, tmp_path: Path, name: str, spoil: str) -> None:
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    assert is_current(tmp_path)
    file = tmp_path / name
    file.unlink() if spoil == "missing" else file.write_bytes(file.read_bytes() + b" ")
    assert not is_current(tmp_path)
    with pytest.raises(ReportError, match=rf"{name} is {spoil}.*`mamlab report STUDY --out "):
        read_files(tmp_path)
    build_report(RECORDS, INFO, tmp_path)
    assert is_current(tmp_path)


def test_a_report_without_manifest_whose_series_are_gone_is_an_error_and_a_table_alone_is_none(tmp_path: Path) -> None:
    old_report(tmp_path)
    (tmp_path / CURVES).unlink()
    with pytest.raises(ReportError, match=r"curves\.parquet is missing"):
        read_files(tmp_path)
    (tmp_path / STUDY).unlink()
    (tmp_path / PER_TASK).unlink()
    assert read_files(tmp_path)[1][0].curves == {}


class Killed(BaseException):
    """A process that ends here."""


@pytest.mark.parametrize("renames", range(5))
def test_a_process_that_dies_between_two_renames_is_finished_by_whoever_comes_next(
    tmp_path: Path, renames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, whole = tmp_path / "report", tmp_path / "whole"
    write(folder, {"a": "1", "b": "1", "figures/c": "1"})
    new = {"a": "2", "b": "2", "figures/d": "2"}
    write(whole, new)
    die_after(renames, monkeypatch)
    with pytest.raises(Killed):
        write(folder, new)
    monkeypatch.undo()
    if not (folder / WRITING / MANIFEST).exists():
        assert contents(folder)["a"] == b"1"
        write(folder, new)
    finish_writing(folder)
    assert contents(folder) == contents(whole)


def die_after(renames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process do so many renames more, then nothing: no clean-up either."""
    left, rename = [renames], Path.replace

    def replace(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] < 0:
            monkeypatch.setattr(shutil, "rmtree", nothing)
            raise Killed
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)


def nothing(*args: object, **options: object) -> None:
    pass


def test_what_a_dead_process_left_half_written_is_removed(tmp_path: Path) -> None:
    write(tmp_path, {"a": "1"})
    (tmp_path / WRITING / FILES).mkdir(parents=True)
    (tmp_path / WRITING / FILES / "half").write_text("x")
    write(tmp_path, {"a": "2"})
    assert {*contents(tmp_path)} == {"a", MANIFEST}


@pytest.mark.parametrize("new", [True, False])
def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: Path, new: bool) -> None:
    folder = tmp_path / "report"
    if not new:
        write(folder, {"a": "1"})
    before = contents(tmp_path)
    with (
        pytest.raises(ReportError, match=r"report cannot be written: No space left on device; its old contents are"),
        writing_into(folder, Contents(REPORT, "s")),
        Path("/dev/full").open("w") as full,
    ):
        full.write("x" * 100_000)
    assert contents(tmp_path) == before
    assert folder.exists() is not new


def test_a_single_file_is_written_whole_and_its_place_named(tmp_path: Path) -> None:
    write_file(tmp_path / "specs" / "a.toml", "text")
    assert contents(tmp_path) == {"specs/a.toml": b"text"}
    with pytest.raises(ReportError, match=r"a\.toml/b cannot be written: .*; free disk space or choose another place"):
        write_file(tmp_path / "specs" / "a.toml" / "b", "text")


def test_two_writers_of_one_folder_come_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.data.output_folder.LOCK_SECONDS", 0.1)
    with (
        writing_into(tmp_path, Contents(REPORT, "s")),
        pytest.raises(ReportError, match=r"process \d+ is writing into .*; wait for it, or end it"),
    ):
        write(tmp_path, {"a": "1"})
    write(tmp_path, {"a": "1"})
    assert read_manifest(tmp_path) is not None
