"""Folders as people have them: which layouts are understood, and what is said of files that are not read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainers.data import DataError, ImageFolder, load
from trainers.data.classes import ClassData


def save(path: Path, seed: int, kind: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng([len(str(path)), seed]).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path, kind)
    return path


def make(root: Path, classes: int = 9, below: str = "", start: int = 0) -> Path:
    for c in range(start, start + classes):
        for p in range(3):
            save(root / f"class{c:02d}" / below / f"{p}.png", 100 * c + p)
    return root


def read(root: Path, tmp_path: Path) -> ClassData:
    return load(ImageFolder(path=root, size=8), tmp_path / "cache")


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("Train", "Val", "Test"),
        ("TRAIN", "VALID", "TEST"),
        ("training", "validation", "testing"),
        ("train", "dev", "test"),
        ("meta_train", "meta_val", "meta_test"),
        ("meta-train", "meta-valid", "meta-test"),
        ("base", "val", "novel"),
    ],
)
def test_splits_go_by_many_names(tmp_path: Path, names: tuple[str, str, str]) -> None:
    for part, name in enumerate(names):
        make(tmp_path / "d" / name, 2 + part, start=10 * part)
    data = read(tmp_path / "d", tmp_path)
    assert [len(data.splits[split]) for split in ("train", "val", "test")] == [2, 3, 4]
    assert data.notes == ()


def test_a_class_may_be_called_as_a_split_elsewhere(tmp_path: Path) -> None:
    make(tmp_path / "d")
    (tmp_path / "d" / "class00").rename(tmp_path / "d" / "base")
    (tmp_path / "d" / "class01").rename(tmp_path / "d" / "dev")
    assert sum(map(len, read(tmp_path / "d", tmp_path).splits.values())) == 9


@pytest.mark.parametrize("wrap", ["d", "d/archive/pictures"])
@pytest.mark.parametrize("below", ["", "images"])
def test_pictures_may_lie_deeper_with_the_same_result(tmp_path: Path, wrap: str, below: str) -> None:
    make(tmp_path / "plain" / "d"), make(tmp_path / wrap, below=below)
    for old in sorted((tmp_path / "plain" / "d").rglob("*.png")):
        shutil.copyfile(old, tmp_path / wrap / old.parent.name / below / old.name)
    data = read(tmp_path / "d", tmp_path)
    assert data.checksum == read(tmp_path / "plain" / "d", tmp_path).checksum
    assert data.notes == ()


def other_endings(root: Path) -> None:
    for i, (ending, kind) in enumerate(
        [("jfif", "JPEG"), ("JPE", "JPEG"), ("tga", "TGA"), ("qoi", "QOI"), ("jp2", "JPEG2000")]
    ):
        save(root / "class00" / f"x{i}.{ending}", i, kind)
    (root / "class00" / "y.heic").write_bytes(b"not read here")
    (root / "class00" / "z.HEIC").write_bytes(b"not read here")
    (root / "class00" / "notes").write_bytes(b"?")


def only_hidden(root: Path) -> None:
    for name in (".DS_Store", "._0.png", "Thumbs.db", "desktop.ini"):
        (root / "class00" / name).write_bytes(b"?")
    for name in ("@eaDir", "__MACOSX", ".git"):
        save(root / name / "0.png", 1), save(root / "class00" / name / "0.png", 1)


def dead(root: Path) -> None:
    (root / "class00" / "9.png").symlink_to("/nowhere/9.png")
    (root / "class99").symlink_to("/nowhere")


def subfolder(root: Path) -> None:
    for i in range(5):
        save(root / "class00" / "more" / f"{i}.png", i)


def masks(root: Path) -> None:
    for c in range(9):
        folder = root / f"class{c:02d}"
        for file in sorted(folder.iterdir()):
            save(folder / "masks" / file.name, 1000 + c)
            (folder / "images").mkdir(exist_ok=True)
            file.rename(folder / "images" / file.name)
    for c in range(1, 9):
        shutil.rmtree(root / f"class{c:02d}" / "masks")


def loose(root: Path) -> None:
    save(root / "a.png", 1)
    (root / "labels.csv").write_text("x")


def twice_in_a_class(root: Path) -> None:
    shutil.copyfile(root / "class00" / "0.png", root / "class00" / "copy of 0.png")


def of_one_colour(root: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(root / "class00" / "0.png")


def all_alike(root: Path) -> None:
    for file, size in zip(sorted((root / "class00").iterdir()), (9, 10, 11), strict=True):
        Image.new("RGB", (size, size), "red").save(file)


SAID: dict[Callable[[Path], None], tuple[int, tuple[str, ...]]] = {
    other_endings: (32, ("class class00: 3 files skipped (2 .heic, 1 no ending)",)),
    only_hidden: (27, ()),
    dead: (
        27,
        (
            "the folder d: 1 file skipped (broken links: class99)",
            "class class00: 1 file skipped (broken links: 9.png)",
        ),
    ),
    subfolder: (27, ("class class00: 5 files skipped, because its folder more is not read",)),
    masks: (27, ("class class00: 3 files skipped, because its folder masks is not read",)),
    loose: (27, ("the folder d: 2 files skipped (1 .csv, 1 .png)",)),
    twice_in_a_class: (28, ("class class00: the same picture 2 times (0.png, copy of 0.png)",)),
    of_one_colour: (27, ("class class00: 1 picture holds one colour only (0.png)",)),
    all_alike: (27, ("class class00: its 3 pictures are all alike",)),
}


@pytest.mark.parametrize("change", SAID, ids=lambda change: change.__name__)
def test_what_is_odd_is_said(tmp_path: Path, change: Callable[[Path], None]) -> None:
    change(make(tmp_path / "d"))
    data = read(tmp_path / "d", tmp_path)
    assert (len(data.images), data.notes) == SAID[change]
    assert read(tmp_path / "d", tmp_path).notes == data.notes  # also from what was kept


def test_the_same_picture_in_two_splits_is_said(tmp_path: Path) -> None:
    for part, name in enumerate(("train", "val", "test")):
        make(tmp_path / "d" / name, 2, start=10 * part)
    shutil.copyfile(tmp_path / "d/train/class00/0.png", tmp_path / "d/test/class20/7.png")
    (note,) = read(tmp_path / "d", tmp_path).notes
    assert (
        note == "the same picture is in 2 classes (class00/0.png, class20/7.png), and of the splits train, test: "
        "what is tested is known from training"
    )


def test_bad_files_are_named_at_once_ten_and_a_count(tmp_path: Path) -> None:
    root = make(tmp_path / "d")
    for file in [file for file in sorted(root.rglob("*.png")) if file.name != "2.png"][:13]:
        file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(DataError) as caught:
        read(root, tmp_path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert lines[1].startswith(f"{root}/class00/1.png cannot be read as an image (")
    assert lines[-1] == "and 3 more"


def test_classes_with_too_few_pictures_are_named_at_once_with_what_was_passed_over(tmp_path: Path) -> None:
    root = make(tmp_path / "d")
    for c in (0, 3):
        for file in sorted((root / f"class{c:02d}").iterdir())[:2]:
            file.rename(file.with_suffix(".heic"))
    with pytest.raises(DataError) as caught:
        read(root, tmp_path)
    for words in ("class00 (split", "class03 (split", "has 1 images", "class class03: 2 files skipped (.heic)"):
        assert words in str(caught.value)


def test_pictures_without_any_variation_are_refused(tmp_path: Path) -> None:
    root = make(tmp_path / "d")
    for file in root.rglob("*.png"):
        Image.new("L", (9, 9), 7).save(file)
    with pytest.raises(
        DataError, match=r"all 27 pictures of .*d come out in one colour, 7 7 7, so nothing tells their classes"
    ):
        read(root, tmp_path)


def two_of_a_split(root: Path) -> None:
    for name in ("train", "val", "valid", "test"):
        make(root / name, 2, start=len(name))


def classes_of_classes(root: Path) -> None:
    for name in ("birds", "fish", "trees"):
        make(root / name, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (two_of_a_split, "has val and valid, which are the same split"),
        (
            classes_of_classes,
            r"class birds .* has no pictures of its own but 2 folders with pictures \(class00, class01\)",
        ),
    ],
)
def test_layouts_that_could_mean_two_things_are_explained(
    tmp_path: Path, change: Callable[[Path], None], message: str
) -> None:
    change(tmp_path / "d")
    with pytest.raises(DataError, match=message):
        read(tmp_path / "d", tmp_path)


def test_a_picture_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may read everything")
    root = make(tmp_path / "d")
    (root / "class00" / "0.png").chmod(0)
    with pytest.raises(DataError, match=r"class00/0\.png cannot be read as an image \(Permission denied\)"):
        read(root, tmp_path)


def test_the_checksum_of_pictures_is_what_it_was(tmp_path: Path) -> None:
    """Old trainings are found by it."""
    root = tmp_path / "d"
    for c in range(9):
        for p, mode in enumerate(("RGB", "L", "P", "RGBA", "1")):
            pixels = np.arange(300, dtype=np.uint32).reshape(10, 10, 3) * (7 * c + p + 1) % 256
            (root / f"class{c}").mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).convert(mode).save(root / f"class{c}" / f"{p}.png")
        deep = (np.arange(100, dtype=np.uint32).reshape(10, 10) * (c + 655) % 65536).astype(np.uint16)
        Image.fromarray(deep).save(root / f"class{c}" / "9.png")
    assert read(root, tmp_path).checksum == "9ef5509b5ec25ba3768f816aa8f6e708aea561f3eab8ea7f62bb8b1fb866d2ab"
