from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trainers.data import DataError, Omniglot, load, omniglot
from trainers.data.classes import ClassRange, Split

ALPHABETS = {"images_background": 30, "images_evaluation": 20}


def png(value: int) -> bytes:
    """A 1-bit picture of 12 x 12 pixels: black in its upper `value` rows."""
    pixels = np.full((12, 12), 255, dtype=np.uint8)
    pixels[:value] = 0
    file = io.BytesIO()
    Image.fromarray(pixels).convert("1").save(file, "png")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Zip files of 60 and 40 classes, which are made the numbers expected; evaluation is darker."""
    (tmp_path / "omniglot-py").mkdir()
    for part, classes, rows in (("images_background", 60, 3), ("images_evaluation", 40, 6)):
        monkeypatch.setitem(omniglot.PARTS, part, classes)
        with zipfile.ZipFile(tmp_path / "omniglot-py" / f"{part}.zip", "w") as archive:
            for i in range(classes * 20):
                place = f"{part}/{part[7:11]}{i // 100:02d}/character{i // 20 % 5:02d}"
                archive.writestr(f"{place}/{i:04d}.png", png(rows))
            archive.writestr("__MACOSX/a/b/c.png", b"")
    return tmp_path


LABELS = [f"back{i % 30:02d}/character{i // 30:02d}" for i in range(964)]
EVALUATION = [f"eval{i % 20:02d}/character{i // 20:02d}" for i in range(659)]


def split(**options: Any) -> dict[Split, tuple[ClassRange, ...]]:
    return omniglot.split(Omniglot(**options), LABELS + EVALUATION, set(EVALUATION))


def names(classes: tuple[ClassRange, ...]) -> set[str]:
    return {c.name for c in classes}


def test_a_zip_file_is_read_once_and_then_its_decoded_images(folder: Path) -> None:
    config = Omniglot(size=8, split="alphabets")
    data, again = load(config, folder), load(config.model_copy(update={"rotations": "off"}), folder)
    assert data.images.shape == (2000, 1, 8, 8)
    assert data.images.equal(again.images)
    assert [len(data.splits[s]) for s in ("train", "val", "test")] == [35, 25, 40]
    assert tuple(data.images.shape[1:3]) == config.image_shape == (1, 8)
    assert (data.rotate_training, again.rotate_training) == (True, False)
    assert data.checksum != again.checksum
    assert sorted(p.suffix for p in folder.glob("omniglot-nearest-8-*")) == [".lock", ".npz"]
    rows = {s: data.images[data.splits[s][0].first, 0, :, 0].eq(0).sum().item() for s in ("train", "val", "test")}
    assert rows == {"train": 2, "val": 2, "test": 4}


def test_zip_files_are_listed_again_when_they_change(folder: Path) -> None:
    config, archive = Omniglot(size=8, split="alphabets"), folder / "omniglot-py" / "images_evaluation.zip"
    before = load(config, folder)
    content = archive.read_bytes()
    archive.write_bytes(b"no zip")
    os.utime(archive, ns=(0, 0))
    with pytest.raises(DataError, match=r"images_evaluation\.zip cannot be read as a zip file"):
        load(config, folder)
    archive.write_bytes(content)
    os.utime(archive, ns=(10**9, 10**9))
    assert load(config, folder).checksum == before.checksum
    assert len(list(folder.glob("omniglot-nearest-8-*.npz"))) == 1  # the same images: not decoded again


def test_a_damaged_list_or_images_are_made_again_and_a_read_only_folder_serves(folder: Path) -> None:
    config = Omniglot(size=8, split="alphabets")
    before = load(config, folder)
    for file in [*folder.glob("omniglot-*.npz")]:
        file.write_bytes(file.read_bytes()[:-1])
    assert load(config, folder).checksum == before.checksum
    for file in [*folder.glob("omniglot-*.npz"), *folder.glob("omniglot-*.lock")]:
        file.unlink()
        file.mkdir()  # nothing can be written in its place
    assert load(config, folder).checksum == before.checksum


def test_the_papers_split_has_1150_50_423_disjoint_classes() -> None:
    parts = split()
    assert [len(parts[s]) for s in ("train", "val", "test")] == [1150, 50, 423]
    assert sorted(c.first for classes in parts.values() for c in classes) == list(range(0, 32460, 20))


def test_whole_alphabets_stay_in_one_split_and_evaluation_is_test() -> None:
    parts = split(split="alphabets")
    alphabets = {part: {name.split("/")[0] for name in names(classes)} for part, classes in parts.items()}
    assert {part: len(found) for part, found in alphabets.items()} == {"train": 25, "val": 5, "test": 20}
    assert names(parts["test"]) == set(EVALUATION)
    assert not alphabets["train"] & alphabets["val"]


def test_turns_as_classes_give_four_classes_of_the_same_images_in_one_split() -> None:
    parts = split(rotations="classes")
    assert [len(parts[s]) for s in ("train", "val", "test")] == [4600, 200, 1692]
    assert [c.rotations for c in parts["val"][:4]] == [0, 1, 2, 3]
    assert len({(c.name, c.first) for c in parts["val"][:4]}) == 1
    assert not names(parts["train"]) & names(parts["test"])


def test_ink_is_0_and_nearest_keeps_two_values_where_antialias_has_greys() -> None:
    picture = omniglot.Picture("a/b", "c.png", 0, lambda: png(5))
    nearest = omniglot.decode(picture, Omniglot(size=8))
    smooth = omniglot.decode(picture, Omniglot(size=8, resize="antialias"))
    assert nearest[:, 0].tolist() == [0, 0, 0, 255, 255, 255, 255, 255]
    assert 0 < smooth[3, 0] < 255


def test_an_unpacked_tree_is_read_like_the_zip_file(tmp_path: Path) -> None:
    character = tmp_path / "images_background" / "Greek" / "character01"
    character.mkdir(parents=True)
    (character / "b.png").write_bytes(png(6))
    (character / "a.png").write_bytes(png(3))
    with zipfile.ZipFile(tmp_path / "images_evaluation.zip", "w") as archive:
        for name in ("b", "a"):
            archive.write(character / f"{name}.png", f"images_evaluation/Greek/character01/{name}.png")
    tree, zipped = (omniglot.pictures(tmp_path, part) for part in omniglot.PARTS)
    assert [(p.label, p.name) for p in tree] == [("Greek/character01", "a.png"), ("Greek/character01", "b.png")]
    assert [(p.label, p.name, p.read()) for p in tree] == [(p.label, p.name, p.read()) for p in zipped]


def test_without_files_and_network_the_error_says_where_to_put_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(
        DataError, match=r"images_background\.zip is missing and could not be downloaded .* put images_b"
    ):
        load(Omniglot(), tmp_path)


def test_a_damaged_zip_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "omniglot-py").mkdir()
    for part in omniglot.PARTS:
        (tmp_path / "omniglot-py" / f"{part}.zip").write_bytes(b"not a zip")
    with pytest.raises(DataError, match=r"images_background\.zip cannot be read as a zip file .* get it again"):
        load(Omniglot(), tmp_path)


def test_half_a_tree_is_refused_with_both_numbers(tmp_path: Path) -> None:
    for part in omniglot.PARTS:
        character = tmp_path / "omniglot-py" / part / "Greek" / "character01"
        character.mkdir(parents=True)
        (character / "a.png").write_bytes(png(3))
    with pytest.raises(DataError, match=r"images_background has 1 classes .* but Omniglot has 964; unpack"):
        load(Omniglot(), tmp_path)


def test_a_class_with_19_images_is_named(folder: Path) -> None:
    found = omniglot.pictures(folder / "omniglot-py", "images_evaluation")
    with pytest.raises(DataError, match="class eval00/character00 of images_evaluation has 19 images instead of 20"):
        omniglot.check("images_evaluation", found[1:])


def test_an_unreadable_drawing_is_named() -> None:
    picture = omniglot.Picture("Greek/character01", "a.png", 0, lambda: b"no picture")
    with pytest.raises(DataError, match=r"Greek/character01/a\.png is not a readable image"):
        omniglot.decode(picture, Omniglot())


def test_the_real_omniglot(tmp_path: Path) -> None:
    real = Path(os.environ.get("MAMLAB_TEST_DATA", "/nowhere")) / "data" / "omniglot-py"
    if not real.is_dir():
        pytest.skip("MAMLAB_TEST_DATA names no folder that contains data/omniglot-py")
    (tmp_path / "omniglot-py").symlink_to(real.resolve())
    data = load(Omniglot(split="alphabets"), tmp_path)
    assert {"Greek/character01", "Latin/character26"} <= names(data.splits["train"]) | names(data.splits["val"])
    assert "Tengwar/character25" in names(data.splits["test"])
    assert 0.02 < (data.images == 0).float().mean() < 0.2
