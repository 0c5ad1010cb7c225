from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from reports.data.atomic_file import write_file
from study.cli.main import run
from study.spec.parsing import load_spec
from trainers.data import DataError, ImageFolder, load
from trainers.data.skip_list import list_text, read_skip_list, without

from .test_init import draw


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve classes; of one a picture is broken and another one empty; and a file that is no picture."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAMLAB_HOME", raising=False)
    draw(tmp_path / "leaves")
    (tmp_path / "leaves" / "class 3" / "1.png").write_bytes(b"no picture")
    (tmp_path / "leaves" / "class 3" / "2.png").write_bytes(b"")
    (tmp_path / "leaves" / "class 4" / "notes.txt").write_text("mine")
    return tmp_path


def lonely(here: Path) -> None:
    for i in (1, 2, 3):
        (here / "leaves" / "class 5" / f"{i}.png").unlink()


def test_all_that_is_wrong_with_a_folder_is_said_at_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lonely(here)
    assert run(["data", "leaves"]) == 1
    said = capsys.readouterr()
    assert "leaves: 12 classes, 43 pictures" in said.out
    assert "smallest class" in said.out
    assert "note: class class 4: 1 file skipped (.txt)" in said.out
    assert said.out.count("cannot be read: ") == 2
    assert "class 3/1.png" in said.out
    assert "class 3/2.png" in said.out
    assert "problem: class class 5 has 1 readable picture, but needs at least 2" in said.out
    assert "To leave out the unreadable ones: mamlab data leaves --skip-bad skip.txt" in said.out
    assert "Reading 45 pictures of leaves ..." in said.err


def test_what_cannot_be_read_is_listed_and_a_spec_leaves_it_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError):
        load(ImageFolder(path=here / "leaves"), here)
    assert run(["data", "leaves", "--skip-bad", "skip.txt"]) == 0
    said = capsys.readouterr().out
    assert '2 pictures listed in skip.txt. To leave them out, write [data] skip = "skip.txt"' in said
    assert "Next: mamlab init images leaves --skip skip.txt" in said
    assert run(["init", "images", "leaves", "--skip", "skip.txt"]) == 0
    assert "46 pictures" in capsys.readouterr().out
    assert load_spec(Path("images.toml")).data.skip == here / "skip.txt"  # type: ignore[union-attr]
    assert (here / "runs" / "data" / "leaves.png").is_file()
    lines = [line for line in Path("skip.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines == ["class 3/1.png", "class 3/2.png"]
    data = load(ImageFolder(path=here / "leaves", size=28, skip=Path("skip.txt")), here)
    assert len(data.images) == 46
    shutil.copytree(here / "leaves", here / "good")
    for name in lines:
        (here / "good" / name).unlink()
    assert load(ImageFolder(path=here / "good", size=28), here).checksum == data.checksum


def test_a_listed_picture_whose_folder_begins_like_a_comment_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "#1" / "x.png"
    (tmp_path / "skip.txt").write_text(list_text(tmp_path, [(file, "it is cut off")]))
    left_out = read_skip_list(tmp_path / "skip.txt")
    assert without({"#1": [file, tmp_path / "#1" / "y.png"]}, tmp_path, left_out) == {"#1": [tmp_path / "#1" / "y.png"]}


def test_a_list_that_is_not_there_or_somebody_s_own_file_is_said(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match=r"skip = .*absent\.txt cannot be read: No such file"):
        load(ImageFolder(path=here / "leaves", skip=Path("absent.txt")), here)
    Path("mine.txt").write_text("mine")
    assert run(["data", "leaves", "--skip-bad", "mine.txt"]) == 2
    assert "mine.txt already exists and was not written by mamlab" in capsys.readouterr().err
    assert Path("mine.txt").read_text() == "mine"
    assert run(["data", "glyphs", "--skip-bad", "x.txt"]) == 2
    capsys.readouterr()
    assert run(["data", "leafs"]) == 2
    assert (
        "data leafs: there is no such folder, and it is an unknown data set (known: glyphs" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "name", [b"z\xe9.png", b"two\nlines.png", "\u2028\x85.png".encode(), b" first.png", b'"q".png', b'"q"', b"\\n.png"]
)
def test_a_picture_of_any_name_is_listed_and_left_out(name: bytes, tmp_path: Path) -> None:
    file, other = tmp_path / "cat" / os.fsdecode(name), tmp_path / "cat" / "x.png"
    for root in (tmp_path, tmp_path / "cat"):
        write_file(tmp_path / "skip.txt", list_text(root, [(file, f"{file} is cut off"), (other, "too")]))
        left_out = read_skip_list(tmp_path / "skip.txt")
        assert left_out == {one.relative_to(root).as_posix() for one in (file, other)}


def test_a_name_that_is_not_utf_8_or_has_two_lines_is_no_bug(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (b"z\xe9.png", b"two\nlines.png"):
        (here / "leaves" / "class 1" / os.fsdecode(name)).touch()
    assert run(["data", "leaves", "--skip-bad", "skip.txt"]) == 0
    said = capsys.readouterr().out
    assert "cannot be read: leaves/class 1/z\\udce9.png" in said
    assert "cannot be read: leaves/class 1/two\\nlines.png" in said
    assert len(load(ImageFolder(path=here / "leaves", size=28, skip=Path("skip.txt")), here).images) == 46


def test_classes_of_one_size_are_not_ranked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(here / "even")
    assert run(["data", "even"]) == 0
    said = capsys.readouterr().out
    assert " ".join(said.split()).count("each class 4") == 1
    assert "smallest" not in said
    for name in ("7", "8"):
        (here / "even" / f"class {name}" / "1.png").unlink()
    assert run(["data", "even"]) == 0
    assert "smallest class 3 class 7" in " ".join(capsys.readouterr().out.split())
    assert run(["init", "images", "even"]) == 0
    assert "the smallest class, class 7, has 3 pictures" in " ".join(capsys.readouterr().out.split())


def test_a_list_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "skip.txt").write_text("\ufeffa/x.png\r\nb/y.png\r\n", encoding="utf-8")
    assert read_skip_list(tmp_path / "skip.txt") == {"a/x.png", "b/y.png"}
