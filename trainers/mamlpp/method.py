"""MAML++ as a method: the first of those that studies train."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from reports.metric import ACCURACY

from ..config import TrainerConfig
from ..flops import flops
from ..overrides import Tree, normalise
from ..presets import PRESETS, preset
from ..sections import COMPONENTS


class MamlPlusPlus:
    """MAML++, with MAML, FOMAML and Meta-SGD among its settings."""

    name, version = "MAML++", "1"
    config = TrainerConfig
    components = COMPONENTS
    metric = ACCURACY
    pairing = "initial weights, tasks"
    presets: Mapping[str, Callable[[str], Tree]] = {name: partial(preset, name) for name in PRESETS}
    normalise = staticmethod(normalise)
    data: ClassVar[Tree] = {"source": "glyphs"}
    short: ClassVar[Tree] = {
        **dict.fromkeys(COMPONENTS, "on"), "ca.period": 0.5, "da.first_order_epochs": 1, "msl.epochs": 1.0,
        "norm.queries": "running", "episodes.tasks": 2, "model.filters": 4, "inner.steps": 2, "device": "cpu",
        "budget": {"epochs": 3, "iterations": 2}, "evaluation": {"val_tasks": 4, "test_tasks": 4, "top_k": 2},
    }  # fmt: skip
    """Settings of a training of seconds, for `mamlab method check`, and those that make it diverge."""
    diverging: ClassVar[Tree] = {"inner.lr": 1e30}

    def epochs(self, config: TrainerConfig) -> int:
        """Return the planned epochs."""
        return config.budget.epochs

    def flops(self, config: TrainerConfig, data: Any, epochs: int | None = None) -> float:
        """Return the counted operations of the first `epochs` epochs."""
        channels, size = data.image_shape
        return flops(config, channels, size, epochs)

    def halve(self, config: TrainerConfig, data: Any) -> TrainerConfig:
        """Return the config that computes half as many tasks together."""
        from ..tasks_at_once import tasks_at_once

        return config.model_copy(update={"tasks_at_once": max(1, tasks_at_once(config, data) // 2)})

    def load(self, data: Any, folder: Path) -> Any:
        """Return the classes of images that [data] names."""
        from ..data import load

        return load(data, folder)

    def train(self, config: TrainerConfig, seed: int, data: Any, **options: Any) -> Generator[Any, None, Any]:
        """Train; see `trainers.training.train`."""
        from ..training import train

        return train(config, seed, data, **options)
