"""Method: what is asked of a learner that studies train, and what it gives after an epoch and at its end.

MAML++ (`trainers.mamlpp.method`) is the first. Yours is an object with these attributes, in a module that can be
imported: `[method] use = "my_project.methods:METHOD"`. No torch is needed here.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from reports.metric import Metric

METRIC_NAME = re.compile(r"[\w.\-: ]+(/[\w.\-: ]+)*")
"""Names that MLflow stores: letters, digits, and _ - . : / and spaces, in parts between slashes."""
LONGEST_METRIC_NAME = 200

Config = Any
"""The settings of one training: an object of a method's `config`, such as `TrainerConfig`."""


@dataclass(frozen=True)
class Epoch:
    """What a method yields after an epoch.

    Attributes:
        value: its metric on validation data, by which the best epoch is found and a search judges. Not finite: the
            training has diverged.
        shown: further numbers for the curves, by name ("train_loss"); see `metric_name_problem`.
    """

    value: float
    shown: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a method returns at its end.

    Attributes:
        test: its metric on test data, of the best epoch; None if it was not asked for.
        per_task: the same for each test task, in the same order for all configs and seeds, where there are several.
    """

    test: float | None = None
    per_task: Sequence[float] = ()


def metric_name_problem(name: Any) -> str:
    """Return why MLflow cannot store a metric of this name, as the end of a sentence; "" if it can."""
    fits = isinstance(name, str) and METRIC_NAME.fullmatch(name) and not name.startswith("..")
    if not fits or {".", ".."} & {*name.split("/")}:
        return 'cannot be stored by MLflow: use letters, digits, spaces and _ - . : /, such as "acc at 5"'
    return f"is longer than {LONGEST_METRIC_NAME} characters" if len(name) > LONGEST_METRIC_NAME else ""


class Data(Protocol):
    """What `Method.load` returns: your data, of which the engine reads a name and a checksum."""

    @property
    def name(self) -> str:
        """The name, for messages."""
        ...

    @property
    def checksum(self) -> str:
        """A text that differs whenever the data do."""
        ...


class Checkpoint(Protocol):
    """Where a training keeps what it needs to go on."""

    def load(self) -> Mapping[str, Any] | None:
        """Return what was saved last; None at a new start."""
        ...

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep a state before an epoch is yielded: tensors, numbers, texts, bytes, and lists and dicts of these."""
        ...


class Method(Protocol):
    """A learner under the driver.

    Attributes:
        name: as arms and reports call it ("ProtoNet").
        version: raise it when numbers change. With the import path and the source's checksum it is a part of every
            training's identity.
        config: a pydantic model of the settings. It refuses unknown keys, as those derived from
            `mamlab.Settings` do. A component may be "off".
        components: the settings that an ablation can set to "off".
        metric: what decides; its `name` makes the names in MLflow: val_NAME, best_val_NAME, test_NAME.

    It may also have: `pairing`, what trainings with equal seeds share ("initial weights, test tasks"; a report claims
    what this says, and nothing without); `presets`, settings by name; `spaces`, ready search spaces by name;
    `normalise(tree, typed)`, which leaves out settings without effect (see `trainers.overrides.normalise`);
    `short`, `data` and `diverging`, for `mamlab method check`: settings of a training of seconds, the section [data]
    that it loads, and settings with which it diverges;
    `flops(config, data, epochs)`, the counted operations, `data` being the section [data]; `halve(config, data)`, a
    config that takes less memory and gives the same numbers.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def version(self) -> str: ...  # noqa: D102

    @property
    def config(self) -> type[BaseModel]: ...  # noqa: D102

    @property
    def components(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def metric(self) -> Metric: ...  # noqa: D102

    def epochs(self, config: Config) -> int:
        """Return how many epochs a training of `config` yields."""
        ...

    def load(self, data: Any, folder: Path) -> Data:
        """Return the data that the section [data] describes; downloads and caches are kept in `folder`."""
        ...

    def train(
        self, config: Config, seed: int, data: Any, *, checkpoint: Checkpoint, test: bool
    ) -> Generator[Epoch, None, Outcome]:
        """Train, and yield each epoch as it ends.

        All randomness comes from `seed`. What `checkpoint.load` returns is where to go on: then the first epoch that
        is yielded is the one after it. A method that saves nothing begins again, and its epochs that are known
        already are skipped. With `test` the best epoch is measured on test data, once, at the end.
        """
        ...
