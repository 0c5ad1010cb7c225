from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from trainers.data import CifarFS, DataError, cifar_fs, load

TRAIN = [
    "apple",
    "aquarium_fish",
    "bear",
    "bee",
    "bottle",
    "bowl",
    "boy",
    "bridge",
    "bus",
    "can",
    "castle",
    "caterpillar",
    "chair",
    "clock",
    "cloud",
    "cockroach",
    "couch",
    "cup",
    "dinosaur",
    "dolphin",
    "elephant",
    "forest",
    "girl",
    "hamster",
    "house",
    "kangaroo",
    "keyboard",
    "lawn_mower",
    "lion",
    "lizard",
    "lobster",
    "mountain",
    "mouse",
    "mushroom",
    "oak_tree",
    "orange",
    "orchid",
    "palm_tree",
    "pear",
    "pine_tree",
    "plate",
    "porcupine",
    "possum",
    "rabbit",
    "raccoon",
    "ray",
    "road",
    "seal",
    "shrew",
    "skunk",
    "skyscraper",
    "snake",
    "spider",
    "squirrel",
    "streetcar",
    "sunflower",
    "tank",
    "tiger",
    "train",
    "trout",
    "tulip",
    "turtle",
    "willow_tree",
    "wolf",
]
NAMES = sorted([*TRAIN, *cifar_fs.VAL, *cifar_fs.TEST])


def test_the_100_classes_fall_into_64_16_20() -> None:
    images = np.arange(200, dtype=np.uint8)[:, None, None, None] * np.ones((1, 32, 32, 3), dtype=np.uint8)
    data = cifar_fs.arrange(images, np.arange(200) % 100, NAMES)
    assert len(set(NAMES)) == 100
    assert [c.name for c in data.splits["train"]] == TRAIN
    assert {c.name for c in data.splits["val"]} == set(cifar_fs.VAL)
    assert {c.name for c in data.splits["test"]} == set(cifar_fs.TEST)
    assert data.images.shape == (200, 3, 32, 32)
    assert CifarFS().image_shape == (3, 32)
    apple = data.splits["train"][0]
    assert data.images[apple.first : apple.first + apple.count, 0, 0, 0].tolist() == [0, 100]
    assert not data.rotate_training


def test_channels_move_first_and_are_normalised_one_by_one() -> None:
    images = np.zeros((100, 32, 32, 3), dtype=np.uint8)
    images[..., 2] = 7
    data = cifar_fs.arrange(images, np.arange(100), NAMES)
    assert data.images[5, :, 31, 0].tolist() == [0, 0, 7]
    assert len(data.mean) == len(data.std) == 3


def write_fake(folder: Path) -> None:
    """Files in the format of CIFAR-100's Python version, with two images a class, one in each file."""
    folder.mkdir(parents=True)
    for name in ("train", "test"):
        content = {"data": np.zeros((100, 3072), dtype=np.uint8), "fine_labels": list(range(100))}
        (folder / name).write_bytes(pickle.dumps(content))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": NAMES}))


def test_files_that_are_not_the_real_cifar_100_are_never_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    write_fake(tmp_path / "cifar-100-python")
    with pytest.raises(DataError, match=r"could not be downloaded .* put cifar-100-python\.tar\.gz"):
        load(CifarFS(), tmp_path)
