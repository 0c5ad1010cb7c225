"""Tables that went through other programs, or through somebody's hands."""

import codecs
from dataclasses import replace
from pathlib import Path

import pytest

from reports.data.files import RUNS, read_files, write_files
from reports.records import Factorial, Family, ReportError, StudyInfo, Sweep

from . import example


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(example.search(3), example.SEARCH, tmp_path)
    return tmp_path


def test_a_byte_order_mark_changes_nothing(folder: Path) -> None:
    before = read_files(folder)
    (folder / RUNS).write_bytes(codecs.BOM_UTF8 + (folder / RUNS).read_bytes())
    assert read_files(folder) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: line + ",x", r"runs\.csv, line 3: more cells than the header has columns; fix the line"),
        (lambda line: "a,b", r"runs\.csv, line 3: fewer cells than the header has columns"),
        (
            lambda line: line.replace("trial 0001", "ünï"),
            r"runs\.csv is not a table in UTF-8 .*; save it as CSV in UTF-8",
        ),
    ],
)
def test_a_broken_line_is_named(folder: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    lines = (folder / RUNS).read_text().splitlines()
    lines[2] = change(lines[2])
    (folder / RUNS).write_text("\n".join(lines), encoding="latin-1")
    with pytest.raises(ReportError, match=message):
        read_files(folder)


def test_families_and_designs_survive_the_files(tmp_path: Path) -> None:
    info = StudyInfo(
        "s", "ablation", families=(Family("f", (("A", "B"),)),), factorial=Factorial(("X",), {"A": ("X",), "B": ()}),
        sweep=Sweep("inner.steps", {"A": 1, "B": 2.5}),
    )  # fmt: skip
    write_files(example.ablation(), info, tmp_path)
    assert read_files(tmp_path)[0] == info


def test_a_text_with_any_line_end_is_read_again(tmp_path: Path) -> None:
    said = "failed\r 10 %\r 20 %\nand\r\nmore \u2028 \x0b"
    runs = [replace(run, tags={**run.tags, "message": said}) for run in example.ablation()]
    write_files(runs, StudyInfo("s", "ablation"), tmp_path)
    assert {run.tags["message"] for run in read_files(tmp_path)[1]} == {said}
    assert b"\r\n" not in (tmp_path / RUNS).read_bytes().replace(b"and\r\n", b"")
