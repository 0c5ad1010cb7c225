from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.utils import estimator_checks

from tests.toy import PER_CLASS, toy_data
from trainers.classifier import MAMLClassifier
from trainers.data.classes import ClassData
from trainers.data.config import DataError
from trainers.data.episodes import EpisodeStream
from trainers.errors import InputError
from trainers.exported import ModelError
from trainers.models.norm import RunningStatistics
from trainers.training_run import TrainingRun

from .models import written

Home = tuple[TrainingRun, Path]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return written(tmp_path_factory.mktemp("model"))


def images_of(data: ClassData, *classes: int, count: int = PER_CLASS) -> Any:
    """The first `count` images of some of the test classes, uint8."""
    chosen = [data.splits["test"][c] for c in classes]
    return np.concatenate([data.images[one.first : one.first + count].numpy() for one in chosen])


def episode(run: TrainingRun) -> tuple[Any, Any, Any]:
    """Support images, labels and query images of test task 0, before the network's scale, and the task itself."""
    tasks = EpisodeStream(run.data, "test", run.config.episodes, run.seed).batch([(0,)])
    return tasks.support[0].cpu().numpy(), tasks.support_labels[0].cpu().numpy(), tasks


@pytest.mark.parametrize("transductive", [False, True])
@pytest.mark.parametrize("overrides", [{}, {"lslr": {"granularity": "per_parameter"}}], ids=["lslr", "meta-sgd"])
def test_it_answers_a_task_as_the_trainer_s_evaluation_does(
    tmp_path: Path, transductive: bool, overrides: dict[str, Any]
) -> None:
    run, folder = written(tmp_path, precision="float64", **overrides)
    support, labels, _ = episode(run)
    exact = EpisodeStream(run.data, "test", run.config.episodes, run.seed, torch.float64).batch([(0,)])
    running = None if transductive else RunningStatistics(run.best[0].statistics, run.config.norm.momentum)
    wanted = run.learner.predict(run.best[0].weights, exact, running)[0][0].softmax(1)
    classifier = MAMLClassifier.load(folder, transductive=transductive).fit(exact.support[0], labels)
    assert support.shape == (3, 1, 14, 14)
    assert np.abs(classifier.predict_proba(exact.query[0]) - wanted.detach().cpu().numpy()).max() < 1e-12


def test_labels_may_be_texts_and_come_back(home: Home) -> None:
    _, folder = home
    images = images_of(toy_data(), 0, 1, 2, count=3)
    names = np.repeat(["rose", "ash", "oak"], 3)
    classifier = MAMLClassifier(folder).fit(images, names)
    assert classifier.classes_.tolist() == ["ash", "oak", "rose"]
    assert set(classifier.predict(images)) <= {"ash", "oak", "rose"}
    assert np.allclose(classifier.predict_proba(images).sum(1), 1)
    assert classifier.n_features_in_ == 14 * 14
    as_numbers = MAMLClassifier(folder).fit(torch.from_numpy(images), torch.tensor([2] * 3 + [0] * 3 + [1] * 3))
    assert np.array_equal(as_numbers.predict_proba(images), classifier.predict_proba(images))


def test_a_table_of_one_column_is_that_column_and_probabilities_have_logarithms(home: Home, tmp_path: Path) -> None:
    _, folder = home
    paths = []
    for i, image in enumerate(images_of(toy_data(), 0, 1, count=2)):
        Image.fromarray(image[0]).save(tmp_path / f"{i}.png")
        paths.append(str(tmp_path / f"{i}.png"))
    table = pd.DataFrame({"picture": paths})
    one, other = (MAMLClassifier(folder).fit(images, [0, 0, 1, 1]) for images in (table, paths))
    assert np.array_equal(one.predict_proba(table), other.predict_proba(paths))
    assert np.allclose(np.exp(one.predict_log_proba(table)), one.predict_proba(table), atol=1e-15)
    assert np.isfinite(one.predict_log_proba(table)).all()


def test_it_learns_what_it_is_shown(home: Home) -> None:
    """Patterns with noise of two thirds of their strength: the images that were learned are told apart."""
    _, folder = home
    images, labels = images_of(toy_data(), 0, 1, 2), np.repeat([0, 1, 2], PER_CLASS)
    assert MAMLClassifier(folder, transductive=True).fit(images, labels).score(images, labels) > 0.6  # chance: 0.33


def test_two_classes_of_three_and_unequal_shots(home: Home) -> None:
    _, folder = home
    images = np.concatenate([images_of(toy_data(), 0, count=5), images_of(toy_data(), 1, count=1)])
    classifier = MAMLClassifier(folder).fit(images, ["a"] * 5 + ["b"])
    assert classifier.predict_proba(images).shape == (6, 2)


def test_an_unused_output_has_no_part_in_learning(home: Home) -> None:
    """With the third output's bias at -1e4 it has neither probability nor gradient: the same as a network without
    it.
    """
    run, folder = home
    support, labels, tasks = episode(run)
    kept = labels < 2
    two = MAMLClassifier(folder).fit(support[kept], labels[kept]).predict_proba(tasks.query[0].cpu().numpy())
    weights = {name: weight.clone() for name, weight in run.best[0].weights.items()}
    with torch.no_grad():
        weights["linear.bias"][2] = -1e4
    part = type(tasks)(tasks.support[:, kept], tasks.support_labels[:, kept], tasks.query, tasks.query_labels)
    running = RunningStatistics(run.best[0].statistics, run.config.norm.momentum)
    masked = run.learner.predict(weights, part, running)[0][0].softmax(1)
    assert np.abs(masked[:, 2].detach().cpu().numpy()).max() == 0
    assert np.abs(masked[:, :2].detach().cpu().numpy() - two).max() < 1e-5


def test_an_answer_depends_on_its_neighbours_only_if_transductive(home: Home) -> None:
    _, folder = home
    images, labels = images_of(toy_data(), 0, 1, 2), np.repeat([0, 1, 2], PER_CLASS)
    for transductive in (False, True):
        classifier = MAMLClassifier(folder, transductive=transductive).fit(images, labels)
        together, alone = classifier.predict_proba(images)[:3], classifier.predict_proba(images[:3])
        assert np.allclose(together, alone, atol=1e-6) is not transductive


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 0, 0], r"at least 2 classes, not only \[0\]"),
        (
            [0, 1, 2, 3],
            r"4 classes, but this model distinguishes at most 3 .*; leave classes out, or train one with episodes",
        ),
        ([0, 1], "inconsistent numbers of samples"),
        ([0.5, 1.5, 2.5], "Unknown label type"),
    ],
)
def test_labels_that_it_cannot_learn_are_refused(home: Home, labels: list[float], message: str) -> None:
    _, folder = home
    count = len(labels) if len(labels) > 2 else 3
    with pytest.raises(ValueError, match=message):
        MAMLClassifier(folder).fit(images_of(toy_data(), 0, count=count), labels)


def test_one_image_is_no_batch(home: Home) -> None:
    _, folder = home
    images = images_of(toy_data(), 0, 1, count=1)
    with pytest.raises(ValueError, match="this is one image; ask for at least 2 together"):
        MAMLClassifier(folder, transductive=True).fit(images, [0, 1]).predict(images[:1])


def test_it_must_be_fitted_and_its_folder_must_hold_a_model(home: Home, tmp_path: Path) -> None:
    _, folder = home
    with pytest.raises(NotFittedError):
        MAMLClassifier(folder).predict(images_of(toy_data(), 0))
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        MAMLClassifier.load(tmp_path)


def test_what_is_no_folder_is_named() -> None:
    folder: Any = 3
    for call in (MAMLClassifier.load, lambda given: MAMLClassifier(given).fit([], [])):
        with pytest.raises(InputError, match=r"^model: must be the folder of an exported model, .*, not 3; make one"):
            call(folder)


@pytest.mark.parametrize("given", [None, 3, [None]])
def test_what_are_no_images_is_named(home: Home, given: Any) -> None:
    classifier = MAMLClassifier(home[1]).fit(images_of(toy_data(), 0, 1, count=1), [0, 1])
    for call in (lambda: classifier.predict(given), lambda: MAMLClassifier(home[1]).fit(given, [0, 1])):
        with pytest.raises(DataError, match=r"^images: "):
            call()


@pytest.mark.parametrize("kind", [np.uint8, np.int64])
def test_images_of_zeros_and_ones_are_told_to_be_black(home: Home, kind: type) -> None:
    images = images_of(toy_data(), 0, 1, count=1) > 127
    assert images.any()
    with pytest.raises(DataError, match=r"whole numbers are 0 \.\. 255, and these are all 0 or 1, which is black"):
        MAMLClassifier(home[1]).fit(images.astype(kind), [0, 1])
    MAMLClassifier(home[1]).fit(images.astype(np.float32), [0, 1])


def test_scikit_learn_cross_validates_clones_and_pickles_it(home: Home) -> None:
    _, folder = home
    images, labels = images_of(toy_data(), 0, 1, 2), np.repeat(["a", "b", "c"], PER_CLASS)
    scores = cross_val_score(MAMLClassifier(folder), images, labels, cv=StratifiedKFold(2))
    assert len(scores) == 2
    fitted = MAMLClassifier(folder, transductive=True).fit(images, labels)
    assert clone(fitted).get_params() == {"model": folder, "transductive": True}
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict_proba(images), fitted.predict_proba(images))


@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_estimator_tags_renamed",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_scikit_learn_s_own_checks_that_need_no_flat_features(home: Home, check: str) -> None:
    getattr(estimator_checks, check)("MAMLClassifier", MAMLClassifier(home[1]))
