"""Trains a method other than MAML++: counts, times and saves its epochs, and yields them again after a stop."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from .checkpoint import CheckpointFolder
from .error_messages import show
from .errors import MamlabError, NotFinite
from .known_method import KnownMethod
from .method import Config, Epoch, Outcome, metric_name_problem
from .results import AnyEpoch, MethodEpoch, MethodResult, epochs_in


class MethodError(MamlabError, TypeError):
    """A method violates the contract; the message says how."""


class KeptState:
    """The state that a method saves, beside the epochs of its training."""

    def __init__(self, state: Mapping[str, Any] | None) -> None:
        self.state = state

    def load(self) -> Mapping[str, Any] | None:
        """Return the last saved state; None at a new start."""
        return self.state

    def save(self, state: Mapping[str, Any]) -> None:
        """Set the state that is written with the next epoch."""
        self.state = dict(state)


def train_method(
    method: KnownMethod, config: Config, seed: int, data: Any, *, checkpoint: CheckpointFolder, test: bool = True
) -> Generator[AnyEpoch, None, MethodResult]:
    """Train `config` as `trainers.training.train` trains MAML++: each epoch is saved before it is yielded.

    When restarted, it first yields the saved epochs. A finished training is not repeated, unless a test is requested
    that was not done. Raises NotFinite for a value that is not finite, MethodError for a violation of the contract.
    """
    saved: Mapping[str, Any] = checkpoint.load() or {"history": []}
    history, kept = epochs_in(saved), KeptState(saved.get("state"))
    yield from history
    if "result" not in saved or (test and not saved["tested"]):
        training = method.own.train(config, seed, data, checkpoint=kept, test=test)
        outcome = yield from _rest(method, config, training, history, kept, checkpoint)
        saved = {"result": asdict(_result(method, history, outcome)), "tested": test}
        checkpoint.finish({"history": _trees(history), "state": kept.state, **saved})
    return MethodResult(**(saved["result"] if test else {**saved["result"], "test": None, "test_per_task": []}))


def _rest(
    method: KnownMethod, config: Config, training: Generator[Epoch, None, Outcome], history: list[AnyEpoch],
    kept: KeptState, checkpoint: CheckpointFolder,
) -> Generator[AnyEpoch, None, Outcome]:  # fmt: skip
    """Yield the epochs that are not in `history` yet; each is added to it and saved."""
    number, began = len(history) if kept.state is not None else 0, time.perf_counter()
    while True:
        try:
            found = next(training)
        except StopIteration as end:
            if not isinstance(end.value, Outcome):
                raise MethodError(f"{method.address}: train must return an Outcome, not {show(end.value)}") from None
            return end.value
        number += 1
        if number > method.epochs(config):
            raise MethodError(f"{method.address}: train yields more epochs than epochs(config) = {number - 1} says")
        if number <= len(history):  # it saved nothing, and started again
            continue
        history.append(_epoch(method, number, found, time.perf_counter() - began))
        checkpoint.save(number, {"history": _trees(history), "state": kept.state})
        yield history[-1]
        began = time.perf_counter()


def _epoch(method: KnownMethod, number: int, found: Any, seconds: float) -> MethodEpoch:
    if not isinstance(found, Epoch):
        raise MethodError(f"{method.address}: train must yield an Epoch, not {show(found)}")
    value = _number(method, "Epoch.value", found.value)
    if not math.isfinite(value):
        raise NotFinite(f"{method.metric.name} on validation data is {value} after epoch {number}")
    if not isinstance(found.shown, Mapping):
        raise MethodError(f"{method.address}: Epoch.shown must be a dict of numbers by name, not {show(found.shown)}")
    result = MethodEpoch(number, method.metric.name, value, seconds, time.time())
    for name in found.shown:
        if problem := metric_name_problem(name):
            raise MethodError(f"{method.address}: Epoch.shown: the name {show(name)} {problem}")
        if name in result.metrics:
            raise MethodError(f"{method.address}: Epoch.shown: the name {show(name)} is taken; call it otherwise")
    shown = {name: _number(method, f"Epoch.shown[{show(name)}]", one) for name, one in found.shown.items()}
    return replace(result, shown=shown)


def _number(method: KnownMethod, what: str, value: Any) -> float:
    try:
        if not isinstance(value, str | bytes):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise MethodError(f"{method.address}: {what} must be a number, not {show(value)}")


def _result(method: KnownMethod, history: Sequence[AnyEpoch], outcome: Outcome) -> MethodResult:
    if not history:
        raise MethodError(f"{method.address}: train yielded no epoch")
    best = max(history, key=lambda epoch: method.metric.sign * epoch.value)
    tested = None if outcome.test is None else _number(method, "Outcome.test", outcome.test)
    if tested is not None and not math.isfinite(tested):
        raise NotFinite(f"{method.metric.name} on test data is {tested}")
    seconds = math.fsum(epoch.seconds for epoch in history)
    if isinstance(outcome.per_task, str) or not isinstance(outcome.per_task, Iterable):
        raise MethodError(f"{method.address}: Outcome.per_task must list numbers, not {show(outcome.per_task)}")
    tasks = [_number(method, "each of Outcome.per_task", one) for one in outcome.per_task]
    return MethodResult(method.metric.name, best.epoch, best.value, seconds, tested, tasks)


def _trees(history: Sequence[AnyEpoch]) -> list[dict[str, Any]]:
    return [asdict(epoch) for epoch in history]
