"""Tasks are addressed, not consumed."""

import pytest
import torch

from tests.toy import PER_CLASS, toy_data
from trainers.data.classes import ClassData
from trainers.data.episodes import EpisodeStream, TaskBatch
from trainers.randomness import Source
from trainers.sections import Episodes

DATA = toy_data()


def stream(seed: int = 0, split: str = "train", data: ClassData = DATA, **shape: int) -> EpisodeStream:
    return EpisodeStream(data, split, Episodes(**{"ways": 3, "shots": 2, "queries": 3} | shape), seed)  # type: ignore[arg-type]


def one(at: EpisodeStream, *position: int) -> TaskBatch:
    """One task, without the leading dimension of a batch."""
    batch = at.batch([position])
    return TaskBatch(batch.support[0], batch.support_labels[0], batch.query[0], batch.query_labels[0])


def source_class(image: torch.Tensor) -> int:
    """The class of the toy data that an unturned image is from."""
    return int((DATA.images / 255 - image).abs().flatten(1).sum(1).argmin()) // PER_CLASS


def test_shapes_and_labels_go_class_by_class() -> None:
    task = one(stream(), 0, 0)
    assert task.support.shape == (6, 1, 14, 14)
    assert task.query.shape == (9, 1, 14, 14)
    assert task.support_labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert task.query_labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_task_is_the_same_whenever_it_is_drawn() -> None:
    first = one(stream(), 3, 1)
    other = stream()
    one(other, 0, 0)
    assert torch.equal(first.query, one(other, 3, 1).query)
    assert not torch.equal(first.query, one(other, 3, 0).query)
    assert not torch.equal(first.query, one(stream(seed=1), 3, 1).query)


def test_an_image_belongs_to_its_class_and_none_is_in_support_and_query() -> None:
    task = one(stream(split="test"), 5)
    images = [tuple(image.flatten().tolist()) for image in torch.cat([task.support, task.query])]
    assert len(set(images)) == 15
    classes = [source_class(image) for image in task.support]
    assert classes[::2] == classes[1::2] == [source_class(image) for image in task.query[::3]]
    assert min(classes) >= 22  # test classes only


def test_arms_with_other_shots_share_classes_supports_and_queries() -> None:
    single, five = one(stream(shots=1), 0, 0), one(stream(shots=5), 0, 0)
    assert torch.equal(single.support, five.support[::5])
    assert torch.equal(single.query, five.query)


def test_arms_with_more_ways_share_the_first_classes() -> None:
    three, five = one(stream(ways=3), 0, 0), one(stream(ways=5), 0, 0)
    assert torch.equal(three.support, five.support[:6])


def test_turns_are_drawn_a_class_and_only_in_training() -> None:
    turning = ClassData("turning", DATA.images, DATA.splits, rotate_training=True)
    plain, turned = one(stream(), 1, 0), one(stream(data=turning), 1, 0)
    rotations = [
        [t for t in range(4) if torch.equal(torch.rot90(a, t, (-2, -1)), b)]
        for a, b in zip(plain.support, turned.support, strict=True)
    ]
    assert all(len(found) == 1 for found in rotations)
    assert rotations[::2] == rotations[1::2]
    seen = {tuple(one(stream(data=turning), i, 0).support[0].flatten().tolist()) for i in range(30)}
    assert len(seen) > 20
    assert torch.equal(one(stream(split="val"), 1).query, one(stream(split="val", data=turning), 1).query)


def test_mean_and_std_are_taken_out() -> None:
    data = ClassData("normed", DATA.images, DATA.splits, mean=(0.5,), std=(0.25,))
    raw, normed = one(stream(), 0, 0), one(stream(data=data), 0, 0)
    assert torch.allclose(normed.query, (raw.query - 0.5) / 0.25)


def test_every_class_is_drawn_about_equally_often() -> None:
    counts = torch.zeros(8)
    for task in range(400):
        for image in one(stream(split="val", shots=1, queries=1), task).support:
            counts[source_class(image) - 14] += 1
    assert counts.sum() == 1200
    assert counts.min() > 110  # 150 expected, standard deviation about 10
    assert counts.max() < 190


def test_a_source_gives_the_same_words_on_every_machine() -> None:
    assert [int(word) for word in Source(0, "train", 1, 2).words(2)] == [1288195570320388884, 12489437208956934476]


@pytest.mark.parametrize("count", [1, 2, 17])
def test_a_permutation_holds_every_number_once(count: int) -> None:
    assert sorted(Source("p", count).permutation(count).tolist()) == list(range(count))


def test_a_batch_holds_its_tasks_one_by_one() -> None:
    turning = stream(data=ClassData("turning", DATA.images, DATA.splits, rotate_training=True))
    batch = turning.batch([(0, 0), (0, 1), (7, 3)])
    assert batch.support.shape == (3, 6, 1, 14, 14)
    for part, position in zip(batch.split(1), [(0, 0), (0, 1), (7, 3)], strict=True):
        assert torch.equal(part.query[0], one(turning, *position).query)
        assert torch.equal(part.support_labels[0], one(turning, *position).support_labels)
