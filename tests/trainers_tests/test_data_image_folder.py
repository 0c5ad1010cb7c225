from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from trainers.data import DataConfig, DataError, ImageFolder, image_folder, load, require
from trainers.data.classes import ClassData


def save(
    path: Path, color: tuple[int, ...] | int = (10, 20, 30), mode: str = "RGB", size: tuple[int, int] = (12, 8)
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path)
    return path


def make_flat(root: Path, classes: int = 10, images: int = 3) -> Path:
    for i in range(classes):
        for j in range(images):
            save(root / f"class{i}" / f"{j}.png", (i, j, 0))
    return root


def make_split(root: Path) -> Path:
    for i, split in enumerate(("train", "val", "test")):
        make_flat(root / split, classes=2)
        for j in range(2):
            (root / split / f"class{j}").rename(root / split / f"{split}{j}")
            save(root / split / f"{split}{j}" / "0.png", (100 * i + j, 0, 0))
    return root


def read(tmp_path: Path, root: Path, **options: Any) -> ClassData:
    return load(ImageFolder(path=root, size=8, **options), tmp_path / "cache")


def test_a_flat_folder_of_10_classes_is_cut_6_2_2_always_alike(tmp_path: Path) -> None:
    root = make_flat(tmp_path / "letters")
    data, again = read(tmp_path, root), read(tmp_path, root)
    assert [len(data.splits[s]) for s in ("train", "val", "test")] == [6, 2, 2]
    assert data.checksum == again.checksum
    assert data.name == "letters"
    assert data.images.shape == (30, 3, 8, 8)
    assert ImageFolder(path=root, size=8).image_shape == (3, 8)
    assert ImageFolder(path=root, size=8, grayscale=True).image_shape == (1, 8)
    for classes in data.splits.values():
        for one in classes:
            assert data.images[one.first + 2, :, 4, 4].tolist() == [int(one.name[5:]), 2, 0]


def test_fractions_change_the_cut(tmp_path: Path) -> None:
    data = read(tmp_path, make_flat(tmp_path / "f"), fractions=[0.5, 0.2, 0.3])
    assert [len(data.splits[s]) for s in ("train", "val", "test")] == [5, 2, 3]


def test_a_split_folder_stays_as_it_is(tmp_path: Path) -> None:
    data = read(tmp_path, make_split(tmp_path / "s"), rotations="augment")
    assert {s: [c.name for c in cs] for s, cs in data.splits.items()} == {
        s: [f"{s}0", f"{s}1"] for s in ("train", "val", "test")
    }
    assert [int(data.images[c.first, 0, 0, 0]) for c in data.splits["test"]] == [200, 201]
    assert data.rotate_training


def test_mean_and_deviation_are_those_of_the_training_images(tmp_path: Path) -> None:
    root = tmp_path / "s"
    for split, values in (("train", (0, 255)), ("val", (7, 7)), ("test", (9, 9))):
        for i, value in enumerate(values):
            save(root / split / split / f"{i}.png", (value, 51, 0))
    data = read(tmp_path, root)
    assert data.mean == (0.5, 0.2, 0.0)
    assert data.std == (0.5, 0.0001, 0.0001)


def test_gray_images_have_one_channel(tmp_path: Path) -> None:
    assert read(tmp_path, make_flat(tmp_path / "f"), grayscale=True).images.shape == (30, 1, 8, 8)


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("P", 0, (0, 0, 0)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("LA", (0, 0), (255, 255, 255)),
        ("I;16", 256 * 77, (77, 77, 77)),
    ],
)
def test_every_image_mode_becomes_rgb(tmp_path: Path, mode: str, color: Any, expected: tuple[int, ...]) -> None:
    image = image_folder.decode(save(tmp_path / "x.png", color, mode), 8, grayscale=False)
    assert image.shape == (3, 8, 8)
    assert tuple(image[:, 3, 3].tolist()) == expected


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    file = save(tmp_path / "x.jpg", (255, 255, 255, 0), "CMYK")
    assert image_folder.decode(file, 8, grayscale=False).max() < 10


def test_a_wide_image_keeps_its_middle(tmp_path: Path) -> None:
    pixels = np.zeros((10, 30, 3), dtype=np.uint8)
    pixels[:, 10:20] = 200
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert (image_folder.decode(tmp_path / "x.png", 10, grayscale=True) == 200).all()
    assert image_folder.decode(tmp_path / "x.png", 37, grayscale=True).shape == (1, 37, 37)


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    root = make_flat(tmp_path / "f")
    (root / "readme.txt").write_text("about")
    (root / "class0" / "Thumbs.db").write_text("?")
    (root / "class0" / "._0.png").write_text("?")
    (root / ".git").mkdir()
    assert read(tmp_path, root).images.shape[0] == 30


def test_a_changed_image_is_decoded_anew(tmp_path: Path) -> None:
    root = make_flat(tmp_path / "f")
    before = read(tmp_path, root)
    save(root / "class0" / "0.png", (255, 255, 255), size=(40, 40))
    assert read(tmp_path, root).checksum != before.checksum


def no_folder(root: Path) -> None:
    shutil.rmtree(root)


def a_file(root: Path) -> None:
    shutil.rmtree(root)
    root.write_text("")


def empty(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


def no_val(root: Path) -> None:
    shutil.rmtree(root / "val")


def only_train(root: Path) -> None:
    shutil.rmtree(root / "val")
    shutil.rmtree(root / "test")


def empty_val(root: Path) -> None:
    shutil.rmtree(root / "val")
    (root / "val").mkdir()


def a_class_beside_the_splits(root: Path) -> None:
    save(root / "cat" / "0.png")


def a_class_twice(root: Path) -> None:
    shutil.copytree(root / "train" / "train0", root / "test" / "train0")


def one_image(root: Path) -> None:
    for name in ("1.png", "2.png"):
        (root / "test" / "test1" / name).unlink()


def no_images(root: Path) -> None:
    (root / "val" / "dog").mkdir()
    (root / "val" / "dog" / "notes.txt").write_text("")


def truncated(root: Path) -> None:
    file = root / "train" / "train0" / "1.png"
    file.write_bytes(file.read_bytes()[:40])


def no_image(root: Path) -> None:
    (root / "train" / "train1" / "z.jpg").write_text("hello")


def empty_file(root: Path) -> None:
    (root / "val" / "val0" / "2.png").write_bytes(b"")


def two_classes(root: Path) -> None:
    shutil.rmtree(root)
    make_flat(root, classes=2)


BAD_FOLDERS = {
    no_folder: r"path .*data is not a folder; give the folder that holds the class folders",
    a_file: r"path .*data is not a folder",
    empty: r"data has no class folders; each class is a folder of images in it",
    no_val: r"data has train and test but no folder val; add it with class folders",
    only_train: r"data has train but no folder val; add it",
    empty_val: r"split val of .*data has no class folders; put at least one into .*data/val",
    a_class_beside_the_splits: r"split folder train beside the folder cat; put class folders into train, val and test",
    a_class_twice: r"class train0 of .*data is in train and in test; a class may be in one split only",
    one_image: r"class test1 \(split test\) of .*data has 1 images .* but needs at least 2; add images or remove",
    no_images: r"class dog \(split val\) of .*data has 0 images \(\.png, \.jpg",
    truncated: r"train/train0/1\.png cannot be read as an image \(.*\); replace or remove it",
    no_image: r"train/train1/z\.jpg cannot be read as an image",
    empty_file: r"val/val0/2\.png cannot be read as an image",
    two_classes: (
        r"the 2 classes of .*data cannot be cut by fractions = \[0\.64, 0\.16, 0\.2\]: that gives 2 train, 0 val"
    ),
}


@pytest.mark.parametrize("spoil", BAD_FOLDERS, ids=lambda spoil: spoil.__name__)
def test_a_bad_folder_is_explained(tmp_path: Path, spoil: Any) -> None:
    root = make_split(tmp_path / "data")
    spoil(root)
    with pytest.raises(DataError, match=BAD_FOLDERS[spoil]):
        read(tmp_path, root)


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        ((3, 1, 1), r"split train has 2 classes, but a task needs 3 \(ways\); use at most 2 ways"),
        ((2, 2, 2), r"class train0 of split train has 3 images, but a task needs 4 \(2 shots \+ 2 queries\)"),
    ],
)
def test_data_too_small_for_the_tasks_is_explained(tmp_path: Path, needs: tuple[int, int, int], message: str) -> None:
    data = read(tmp_path, make_split(tmp_path / "data"))
    require(data, 2, 1, 2)
    with pytest.raises(DataError, match=message):
        require(data, *needs)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": "image_folder"}, "path"),
        ({"source": "image_folder", "path": "x", "fractions": [0.5, 0.5, 0.5]}, "three positive numbers"),
        ({"source": "image_folder", "path": "x", "fractions": [1.0, 0.0, 0.0]}, "three positive numbers"),
        ({"source": "image_folder", "path": "x", "size": 4}, "greater than or equal to 8"),
        ({"source": "glyphs", "size": 28}, "Extra inputs"),
        ({"source": "omniglot", "split": "vinyals"}, "'paper' or 'alphabets'"),
        ({"source": "mnist"}, "'glyphs', 'omniglot', 'cifar_fs', 'image_folder'"),
        ({}, "discriminator 'source'"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(DataConfig).validate_python(settings)


def test_settings_come_from_plain_values() -> None:
    config = TypeAdapter(DataConfig).validate_python(
        {"source": "image_folder", "path": "x/y", "fractions": [0.5, 0.25, 0.25]}
    )
    assert config == ImageFolder(path=Path("x/y"), fractions=(0.5, 0.25, 0.25))
