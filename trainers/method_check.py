"""`mamlab method check`: tests a method's contract on short trainings."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .checkpoint import CheckpointFolder
from .errors import InputError, NotFinite
from .known_method import KnownMethod
from .method import Config
from .method_training import train_method
from .overrides import Tree, merge
from .results import AnyEpoch, AnyResult

TIMES = ("epoch_seconds", "seconds", "tasks_per_second")
LATE = 0.9
"""If the first epoch arrives after this share of a training's time, it was not yielded when it ended."""


@dataclass(frozen=True)
class Finding:
    """One row of the contract: whether it `holds` (None: not tested), and what was observed, or its consequence."""

    name: str
    holds: bool | None
    text: str


@dataclass(frozen=True)
class _Seen:
    """Results of a training, without times; `first` is the share of the total time at which the first epoch arrived."""

    epochs: tuple[dict[str, float], ...]
    result: dict[str, Any]
    first: float

    @property
    def numbers(self) -> tuple[Any, ...]:
        return self.epochs, self.result


def check_method(method: KnownMethod, settings: Tree, data: Any) -> Iterator[Finding]:
    """Test the contract on trainings with `settings` (merged into the method's own `short` ones) on `data`; yield each
    row. Exceptions of the trainings are raised, except those that a row expects. Raises InputError for wrong settings.
    """
    tree = merge(getattr(method.own, "short", {}), settings)
    try:
        config = method.normalise(tree)[0]
    except ValidationError as error:
        raise InputError(method.explain(error)) from None
    yield _round_trip(method, config)
    with tempfile.TemporaryDirectory() as folder:
        train = partial(_train, method, data=data, root=Path(folder))
        whole, again = train(config, 0), train(config, 0)
        yield _arrive(method, config, whole, min(whole.first, again.first))  # the first may load libraries
        yield _same(whole, again)
        yield _resumes(method, config, data, Path(folder), whole)
        yield _other_seed(whole, train(config, 1))
        yield from (_component(method, tree, name, config, whole, train) for name in method.components)
        yield _diverges(method, tree, train)


def _trainer(method: KnownMethod) -> Callable[..., Generator[AnyEpoch, None, AnyResult]]:
    own: Any = method.own.train
    return own if method.is_mamlpp else partial(train_method, method)


def _train(method: KnownMethod, config: Config, seed: int, *, data: Any, root: Path) -> _Seen:
    folder = CheckpointFolder(Path(tempfile.mkdtemp(dir=root)) / "training")
    return _drained(_trainer(method)(config, seed, data, checkpoint=folder, test=True))


def _drained(training: Generator[AnyEpoch, None, AnyResult]) -> _Seen:
    times, epochs = list[float](), list[dict[str, float]]()
    while True:
        try:
            metrics = next(training).metrics
        except StopIteration as end:
            whole = max(sum(times), 1e-9)
            per_task = list(getattr(end.value, "test_per_task", ()))
            return _Seen(tuple(epochs), {**_untimed(end.value.metrics), "per_task": per_task}, times[0] / whole)
        epochs.append(_untimed(metrics))
        times.append(metrics["epoch_seconds"])


def _untimed(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name not in TIMES}


def _round_trip(method: KnownMethod, config: Config) -> Finding:
    name = "the config survives a round trip"
    texts = {path: str(value) for path, value in method.settings(config).items()}
    try:
        ways = {
            "as JSON": method.config.model_validate_json(config.model_dump_json()),
            "as MLflow's parameters": method.from_settings(texts),
        }
    except ValueError as error:
        return Finding(name, False, f"it cannot be read again: {error}")
    lost = [way for way, found in ways.items() if found != config]
    return Finding(name, not lost, f"differs after being written and read {' and '.join(lost)}" if lost else "")


def _arrive(method: KnownMethod, config: Config, whole: _Seen, first: float) -> Finding:
    name, planned = "epochs arrive while it trains", method.epochs(config)
    if len(whole.epochs) != planned:
        return Finding(name, False, f"epochs(config) is {planned}, and {len(whole.epochs)} were yielded")
    if planned > 1 and first > LATE:
        told = f"the first of {planned} came after {first:.0%} of the time: nothing can be stopped early or resumed"
        return Finding(name, False, told)
    return Finding(name, True, f"{planned} epochs")


def _same(whole: _Seen, again: _Seen) -> Finding:
    name = "the same seed gives equal results"
    if whole.numbers == again.numbers:
        return Finding(name, True, "")
    told = _difference(whole, again)
    return Finding(name, False, f"{told}: draw everything from `seed`, so that settings and seed determine a training")


def _difference(one: _Seen, other: _Seen) -> str:
    for number, (ours, theirs) in enumerate(zip(one.epochs, other.epochs, strict=False), start=1):
        if ours != theirs:
            key = next(key for key in sorted(ours | theirs) if ours.get(key) != theirs.get(key))
            return f"epoch {number}, {key}: {ours.get(key)} and {theirs.get(key)}"
    return f"result: {one.result} and {other.result}" if one.result != other.result else "another number of epochs"


def _resumes(method: KnownMethod, config: Config, data: Any, root: Path, whole: _Seen) -> Finding:
    name, planned = "stopped and resumed equals not stopped", method.epochs(config)
    if planned < 2:
        return Finding(name, None, "a training of one epoch cannot be stopped between epochs; give it two")
    for stop in (planned // 2, planned):  # after the last epoch, the test is still to come
        folder = CheckpointFolder(Path(tempfile.mkdtemp(dir=root)) / "training")
        with closing(_trainer(method)(config, 0, data, checkpoint=folder, test=True)) as training:
            for _ in zip(range(stop), training, strict=False):
                pass
        saved: Any = folder.load() or {}
        where = f"stopped after epoch {stop} of {planned}"
        try:
            again = _drained(_trainer(method)(config, 0, data, checkpoint=folder, test=True))
        except Exception as error:
            return Finding(name, False, f"{where}, it cannot go on: {type(error).__name__}: {error}")
        if again.numbers != whole.numbers:
            return Finding(name, False, f"{where}: {_difference(whole, again)}")
    if not method.is_mamlpp and saved.get("state") is None:
        return Finding(name, None, "it saves no state: what is interrupted begins again, and loses its epochs so far")
    return Finding(name, True, f"after epoch {planned // 2} of {planned}, and after the last")


def _other_seed(whole: _Seen, other: _Seen) -> Finding:
    same = whole.numbers == other.numbers
    told = "seeds 0 and 1 gave the same numbers: means over seeds would have no spread" if same else ""
    return Finding("another seed differs", not same, told)


def _component(
    method: KnownMethod, tree: Tree, component: str, config: Config, whole: _Seen, train: Callable[..., _Seen]
) -> Finding:
    name = f"{method.title(component)} on differs from off"
    if getattr(config, component) == "off":
        return Finding(name, None, "it is off in what was tried; switch it on with --set")
    without = method.normalise(merge(tree, {component: "off"}))[0]
    same = train(without, 0).numbers == whole.numbers
    return Finding(name, not same, "with and without it the numbers are the same" if same else "")


def _diverges(method: KnownMethod, tree: Tree, train: Callable[..., _Seen]) -> Finding:
    name, settings = "a NaN ends as diverged", getattr(method.own, "diverging", None)
    if settings is None:
        return Finding(name, None, "not tried: its attribute `diverging` names no settings with which it diverges")
    try:
        train(method.normalise(merge(tree, settings))[0], 0)
    except NotFinite as error:
        return Finding(name, True, str(error))
    told = ", ".join(f"{path} = {value}" for path, value in settings.items())
    return Finding(name, False, f"with {told} every value was finite: is a NaN hidden? Yield it as it is")
