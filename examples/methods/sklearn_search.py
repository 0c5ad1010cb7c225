"""A method of your own without torch: a pipeline of scikit-learn on its handwritten digits.

    mamlab search examples/methods/sklearn_search.toml
    mamlab ablate examples/methods/sklearn_ablation.toml

The data are drawn into training, validation and test parts by the seed; an epoch is a fit on a larger part of the
training data, so that a pruner can stop a bad config early.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, StandardScaler

from mamlab import Checkpoint, Epoch, Metric, Outcome, Range, Settings

SCALERS = {"standard": StandardScaler, "minmax": MinMaxScaler, "power": PowerTransformer}


class Reduction(Settings):
    """Principal components instead of pixels."""

    components: int = Field(20, ge=1, le=64, description="how many are kept")


class Config(Settings):
    """The pipeline: scale, reduce, classify by the nearest neighbours."""

    scale: Literal["off", "standard", "minmax", "power"] = Field("standard", description="how pixels are scaled")
    reduce: Literal["off"] | Reduction = Field(Reduction(), description="principal components")
    neighbours: int = Field(5, ge=1, le=50, description="neighbours that vote")
    weigh: Literal["off", "distance"] = Field("distance", description="whether closer neighbours count more")
    epochs: int = Field(4, ge=1, le=20, description="fits, each on more of the training data")


@dataclass(frozen=True)
class Digits:
    """1797 images of 8 x 8 pixels, flattened, and what they show."""

    pixels: Any
    labels: Any
    name: str
    checksum: str


class NeighboursOnDigits:
    """k nearest neighbours; see `trainers.method.Method` for what each part is."""

    name, version = "Pipeline", "1"
    config = Config
    components = ("scale", "reduce", "weigh")
    metric = Metric("accuracy", unit="%", scale=100, chance=0.1)
    pairing = "training, validation and test data"
    short: ClassVar = {"epochs": 3}
    spaces: ClassVar = {"knobs": {"neighbours": Range(1, 30), "reduce.components": Range(4, 60)}}

    def epochs(self, config: Config) -> int:
        """Return the number of fits."""
        return config.epochs

    def load(self, data: Any, folder: Path) -> Digits:
        """Return the digits that scikit-learn ships."""
        pixels, labels = load_digits(return_X_y=True)
        checksum = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
        return Digits(pixels, labels, "digits", checksum)

    def train(
        self, config: Config, seed: int, data: Digits, *, checkpoint: Checkpoint, test: bool
    ) -> Generator[Epoch, None, Outcome]:
        """Fit on growing parts of the training data; keep the best part's size."""
        order = np.random.default_rng(seed).permutation(len(data.labels))
        train, held_out, tested = np.split(order, [1000, 1400])
        state = dict(checkpoint.load() or {"values": []})
        for done in range(len(state["values"]), config.epochs):
            part = train[: len(train) * (done + 1) // config.epochs]
            state["values"].append(self._score(config, data, part, held_out))
            checkpoint.save(state)
            yield Epoch(state["values"][-1], {"train_images": len(part)})
        if not test:
            return Outcome()
        best = int(np.argmax(state["values"])) + 1
        return Outcome(self._score(config, data, train[: len(train) * best // config.epochs], tested))

    def _score(self, config: Config, data: Digits, fitted: Any, scored: Any) -> float:
        steps = [] if config.scale == "off" else [SCALERS[config.scale]()]
        if config.reduce != "off":
            steps.append(PCA(min(config.reduce.components, len(fitted)), random_state=0))
        weights = "uniform" if config.weigh == "off" else "distance"
        pipeline = make_pipeline(*steps, KNeighborsClassifier(min(config.neighbours, len(fitted)), weights=weights))
        pipeline.fit(data.pixels[fitted], data.labels[fitted])
        return float(pipeline.score(data.pixels[scored], data.labels[scored]))


METHOD = NeighboursOnDigits()
