"""An exported model as a classifier of scikit-learn: it learns new classes from a few images of each.

>>> classifier = MAMLClassifier.load("model").fit(images, labels)      # doctest: +SKIP
>>> classifier.predict(more_images)                                    # doctest: +SKIP

Shapes: n images, k classes, C H W image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d
from torch import Tensor

from .arithmetic import arithmetic, pick_device, pick_dtype
from .data.config import DataError
from .data.episodes import TaskBatch
from .error_messages import show
from .errors import InputError
from .exported import ExportedModel, read_model
from .models.conv4 import Weights
from .models.norm import RunningStatistics
from .sections import LSLR

AT_ONCE = 256
"""Batch size where predictions do not depend on each other."""


class MAMLClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Few-shot classification with a meta-learned network: `fit` is its inner loop, a few gradient steps.

    Images are an array or tensor [n, C, H, W] (or [n, H, W] for a grey model), uint8 or floats in [0, 1]; or a list of
    files or PIL images, which are prepared as the training images were. Every image has the same weight, even if
    classes differ in size.

    Args:
        model: folder of an exported model (`mamlab export`).
        transductive: normalise the images to classify with the statistics of their own batch, as in published
            accuracies, instead of running ones. Predictions then depend on the other images of the batch.

    Attributes:
        classes_: the labels that `fit` saw, sorted, [k].
        n_features_in_: numbers in an image, C*H*W.
    """

    def __init__(self, model: str | Path, *, transductive: bool = False) -> None:
        self.model = model
        self.transductive = transductive

    @classmethod
    def load(cls, folder: str | Path, *, transductive: bool = False) -> MAMLClassifier:
        """Return a classifier with the model in `folder`, read now. Raises ModelError if there is none."""
        _model_in(folder)
        return cls(folder, transductive=transductive)

    def fit(self, X: Any, y: Any) -> MAMLClassifier:
        """Learn the classes of images X with labels y, texts or whole numbers [n]; 2 to N classes of an N-way model.

        Raises ValueError for labels of another number than images, one class, or more than N; DataError for wrong
        images, also for whole numbers that are all 0 or 1.
        """
        model = _model_in(self.model)
        images = _prepared(model, X)
        _refuse_black(model, images)
        support = _seen(model, images)
        labels = column_or_1d(y.cpu() if isinstance(y, Tensor) else y)
        check_consistent_length(support, labels)
        check_classification_targets(labels)
        classes, outputs = np.unique(labels, return_inverse=True)
        _check_count(model, classes)
        self._model, self.classes_ = model, classes
        self.n_features_in_ = int(np.prod(model.preparation.shape))
        self._adapted = _adapted(model, support, torch.from_numpy(outputs), len(classes))
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each of the images X, [n]."""
        best = self.predict_proba(X).argmax(1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class (softmax) for images X, [n, k], in the order of `classes_`."""
        probabilities: NDArray[np.float64] = self._outputs(X).softmax(1).cpu().numpy()
        return probabilities

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the logarithm of each class's probability for images X, [n, k], in the order of `classes_`."""
        logarithms: NDArray[np.float64] = self._outputs(X).log_softmax(1).cpu().numpy()
        return logarithms

    def _outputs(self, X: Any) -> Tensor:
        """Return the network's outputs for images X in float64, [n, k]."""
        check_is_fitted(self)
        images = _seen(self._model, _prepared(self._model, X))
        if self.transductive and len(images) < 2:
            raise InputError(
                "transductive = True normalises with the batch that is asked for, and this is one image; "
                "ask for at least 2 together, or use transductive = False"
            )
        with torch.no_grad(), arithmetic(self._model.config):
            return torch.cat(list(self._logits(images))).double()

    def _logits(self, images: Tensor) -> Iterator[Tensor]:
        config, network = self._model.config, self._model.learner.network
        step = config.evaluation_steps - 1
        if self.transductive:
            yield network.run(self._adapted, images[None], step).logits[0]
            return
        statistics = {name: value.to(images) for name, value in self._model.statistics.items()}
        running = RunningStatistics(statistics, config.norm.momentum)
        for some in torch.split(images, AT_ONCE):
            yield network.answer(self._adapted, some[None], step, running)[0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


def _model_in(folder: object) -> ExportedModel:
    if not isinstance(folder, str | Path):
        raise InputError(
            f"model: must be the folder of an exported model, as a text or a Path, not {show(folder)}; make one with:"
            " mamlab export"
        )
    return read_model(folder)


def _prepared(model: ExportedModel, given: Any) -> Tensor:
    """Return images [n, C, H, W], uint8 or floats in [0, 1]. Raises DataError."""
    if not isinstance(given, Iterable) and not hasattr(given, "convert"):
        raise DataError(f"images: must be an array, a tensor, or a list of files or pictures, not {show(given)}")
    return model.preparation.images(_column(given))


def _seen(model: ExportedModel, images: Tensor) -> Tensor:
    """Return `images` as network input, [n, C, H, W]."""
    return model.preparation.seen(images, pick_dtype(model.config), pick_device(model.config))


def _refuse_black(model: ExportedModel, images: Tensor) -> None:
    """Raise DataError for bytes that are all 0 or 1, of 255, unless the model was trained on such images."""
    if images.dtype == torch.uint8 and images.max() == 1 and max(model.preparation.std) > 1 / 255:
        raise DataError(
            "images: whole numbers are 0 .. 255, and these are all 0 or 1, which is black; give images * 255, or floats"
            " in [0, 1]"
        )


def _column(images: Any) -> Any:
    """Return the single column of a DataFrame, such as of paths; anything else unchanged."""
    one = hasattr(images, "iloc") and getattr(images, "ndim", 0) == 2 and images.shape[1] == 1
    return images.iloc[:, 0].tolist() if one else images


def _check_count(model: ExportedModel, classes: NDArray[Any]) -> None:
    if len(classes) < 2:
        raise InputError(
            f"labels: must hold at least 2 classes, not only {classes.tolist()}; add images of another class"
        )
    if len(classes) > model.ways:
        raise InputError(
            f"labels: {len(classes)} classes, but this model distinguishes at most {model.ways} (it was trained"
            f" {model.ways}-way); leave classes out, or train one with episodes.ways = {len(classes)}"
        )


@torch.no_grad()
def _adapted(model: ExportedModel, support: Tensor, outputs: Tensor, classes: int) -> Weights:
    """Return the weights after the inner loop on `support` [n, C, H, W], whose classes are the network's first outputs.

    The other outputs are masked: they have neither probability nor gradient.
    """
    weights = {name: weight.to(support) for name, weight in _with_outputs(model, classes).items()}
    labels = outputs.to(support.device)[None]
    tasks = TaskBatch(support[None], labels, support[None, :0], labels[:, :0])
    with arithmetic(model.config):
        for step in model.learner.adapt(weights, tasks, model.config.evaluation_steps):
            after = step.after
    return after


def _with_outputs(model: ExportedModel, classes: int) -> Weights:
    """Return the weights with the first `classes` outputs of the linear layer, and of its rates where each weight has
    one.
    """
    names = {"linear.weight", "linear.bias"}
    if isinstance(model.config.lslr, LSLR) and model.config.lslr.granularity == "per_parameter":
        names |= {f"lslr.{name}" for name in names}
    return {name: weight[:classes] if name in names else weight for name, weight in model.weights.items()}
