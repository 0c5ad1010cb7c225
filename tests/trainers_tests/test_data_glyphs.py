from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch

from trainers.data import Glyphs, glyphs, load, require
from trainers.data.classes import ClassData
from trainers.data.outlines import Face, Polygons, fill, normals


@pytest.fixture(scope="module")
def data(glyphs_folder: Path) -> ClassData:
    return load(Glyphs(), glyphs_folder)


def square(left: float, top: float, side: float) -> list[tuple[float, float]]:
    return [(left, top), (left, top + side), (left + side, top + side), (left + side, top)]


def test_a_square_of_two_pixels_covers_four_pixels() -> None:
    points = np.array([square(1, 1, 2)])
    expected = np.zeros((4, 4), dtype=np.uint8)
    expected[1:3, 1:3] = 255
    assert (fill(points, np.array([1, 2, 3, 0]), 4)[0] == expected).all()


def test_half_covered_pixels_are_half_dark() -> None:
    assert fill(np.array([square(0.5, 0, 1)]), np.array([1, 2, 3, 0]), 2)[0].tolist() == [[127, 127], [0, 0]]


def test_a_hole_runs_the_other_way_and_an_overlap_is_filled() -> None:
    outer, inner = square(0, 0, 3), square(1, 1, 1)
    forward = np.array([1, 2, 3, 0, 5, 6, 7, 4])
    overlap = fill(np.array([outer + inner]), forward, 3)[0]
    hole = fill(np.array([outer + inner[::-1]]), forward, 3)[0]
    assert overlap[1, 1] == 255
    assert hole[1, 1] == 0
    assert (hole.sum(), overlap.sum()) == (8 * 255, 9 * 255)


def test_what_lies_outside_of_the_image_is_cut_off() -> None:
    everything = fill(np.array([square(-5, -5, 20), square(7, 7, 3)]), np.array([1, 2, 3, 0]), 4)
    assert (everything[0] == 255).all()
    assert (everything[1] == 0).all()


def test_a_wider_pen_grows_a_clockwise_square_on_all_sides() -> None:
    corners = Polygons(np.array([(0.0, 0.0), (0.0, 2.0), (2.0, 2.0), (2.0, 0.0)]), np.array([1, 2, 3, 0]))
    moved = corners.points + 0.1 * np.sqrt(2) * normals(corners.points[None], corners.following)[0]
    assert np.allclose(moved, [(-0.1, -0.1), (-0.1, 2.1), (2.1, 2.1), (2.1, -0.1)])


def test_accented_letters_ligatures_and_digits_are_not_plain_letters() -> None:
    assert [glyphs.is_plain_letter(ord(c)) for c in "aßØЖ"] == [True] * 4
    assert [glyphs.is_plain_letter(ord(c)) for c in "éﬁ7+Å"] == [False] * 5


def test_letters_that_look_alike_when_turned_or_in_another_script_are_near_and_others_are_not() -> None:
    faces = [Face(path) for path in glyphs.font_files()[:1]]
    distance = glyphs.visual_distance(faces, [ord(c) for c in "OОΟᑌᑎᑐbqEM"])
    latin, cyrillic, greek, up, down, right, b, q, e, m = range(10)
    assert max(distance[latin, cyrillic], distance[latin, greek]) == 0
    assert max(distance[up, down], distance[b, q]) < glyphs.SAME
    assert distance[up, right] < glyphs.NEAR
    assert min(distance[latin, e], distance[e, m], distance[latin, m]) > glyphs.NEAR
    assert (distance == distance.T).all()


def test_components_follow_chains() -> None:
    linked = np.eye(5, dtype=bool)
    linked[0, 3] = linked[3, 0] = linked[3, 4] = linked[4, 3] = True
    assert glyphs.components(linked).tolist() == [0, 1, 2, 0, 0]


def test_neighbourhoods_are_never_cut_by_the_split() -> None:
    near = np.repeat(np.arange(40), 3)
    split = glyphs.split(near).reshape(40, 3)
    assert (split == split[:, :1]).all()
    assert np.bincount(split.ravel()).tolist() == [84, 12, 24]


def test_there_are_900_classes_of_20_images_in_disjoint_splits_of_70_10_and_20_percent(data: ClassData) -> None:
    classes = [c for split in data.splits.values() for c in split]
    assert len(classes) >= 900
    assert data.images.shape == (20 * len(classes), 1, 28, 28)
    assert Glyphs().image_shape == (1, 28)
    assert data.images.dtype == torch.uint8
    assert sorted(c.first for c in classes) == list(range(0, 20 * len(classes), 20))
    assert {(c.count, c.rotations) for c in classes} == {(20, 0)}
    shares = [len(data.splits[s]) / len(classes) for s in ("train", "val", "test")]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.01)
    assert not data.rotate_training
    require(data, 20, 5, 15)


def test_only_one_of_the_letters_o_is_a_class(data: ClassData) -> None:
    names = {c.name for split in data.splits.values() for c in split}
    assert len(names) == sum(len(split) for split in data.splits.values())
    assert len({"LATIN CAPITAL LETTER O", "GREEK CAPITAL LETTER OMICRON", "CYRILLIC CAPITAL LETTER O"} & names) <= 1


def test_every_sample_has_ink_and_none_touches_all_borders(data: ClassData) -> None:
    inked = (data.images > 127).flatten(1).float().mean(1)
    assert inked.min() > 0.005
    assert inked.max() < 0.7
    assert (data.images[:, :, [0, -1]] > 0).float().mean() < 0.01


def test_nearest_neighbour_on_pixels_is_far_from_perfect_and_from_chance(data: ClassData) -> None:
    images = data.images.flatten(1).float() / 255
    generator = np.random.Generator(np.random.Philox(key=5))
    right = []
    for _ in range(300):
        firsts = [data.splits["test"][i].first for i in generator.choice(len(data.splits["test"]), 5, replace=False)]
        support, query = torch.tensor(firsts), torch.tensor(firsts) + 1 + int(generator.integers(19))
        right.append((torch.cdist(images[query], images[support]).argmin(1) == torch.arange(5)).float().mean().item())
    assert 0.4 < np.mean(right) < 0.75


def test_a_letter_is_drawn_alike_alone_and_among_others(data: ClassData) -> None:
    one = data.splits["val"][3]
    letter = ord(unicodedata.lookup(one.name))
    alone = glyphs.draw(letter, [Face(path) for path in glyphs.font_files()])
    assert (alone == data.images[one.first : one.first + 20, 0].numpy()).all()


def test_another_process_reads_the_same_data_without_drawing(data: ClassData, glyphs_folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from trainers.data import Glyphs, load; import trainers.data.glyphs as"
        " g\ng.make = None  # drawing would fail\nprint(load(Glyphs(), Path(sys.argv[1])).checksum)"
    )
    command = [sys.executable, "-c", code, str(glyphs_folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == data.checksum


def test_importing_the_data_package_does_not_import_torch_or_matplotlib() -> None:
    code = (
        "import sys, trainers.data; print([m for m in ('torch', 'torchvision', 'matplotlib', 'PIL') if m in"
        " sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
