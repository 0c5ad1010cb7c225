"""`mamlab method check` finds each promise that a method does not keep."""

from __future__ import annotations

import itertools
import json
import math
import re
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field, field_serializer

from reports.metric import Metric
from study.cli.main import run as mamlab
from trainers.errors import InputError, MamlabError
from trainers.find_method import _found
from trainers.known_method import KnownMethod
from trainers.method import Checkpoint, Epoch, Outcome
from trainers.method_check import Finding, check_method
from trainers.method_training import MethodError

from .slope_method import Config, Hill, Slope

Training = Generator[Epoch, None, Outcome]
COUNTER = itertools.count()


class NoSave:
    """A checkpoint that keeps nothing, or not enough."""

    def __init__(self, inner: Checkpoint, left_out: str = "") -> None:
        self.inner, self.left_out = inner, left_out

    def load(self) -> Any:
        return self.inner.load()

    def save(self, state: Any) -> None:
        if self.left_out:
            self.inner.save({**state, self.left_out: 0.0})


class Unseeded(Slope):
    def train(self, config: Config, seed: int, data: Hill, **options: Any) -> Training:
        return super().train(config, next(COUNTER), data, **options)


class Forgetful(Slope):
    def train(self, config: Config, seed: int, data: Hill, *, checkpoint: Checkpoint, test: bool) -> Training:
        return super().train(config, seed, data, checkpoint=NoSave(checkpoint, "step"), test=test)


class Stateless(Slope):
    def train(self, config: Config, seed: int, data: Hill, *, checkpoint: Checkpoint, test: bool) -> Training:
        return super().train(config, seed, data, checkpoint=NoSave(checkpoint), test=test)


class SeedBlind(Slope):
    def train(self, config: Config, seed: int, data: Hill, **options: Any) -> Training:
        return super().train(config, 0, data, **options)


class Idle(Slope):
    def train(self, config: Config, seed: int, data: Hill, **options: Any) -> Training:
        return super().train(config.model_copy(update={"shift": "on"}), seed, data, **options)


class Hiding(Slope):
    diverging: ClassVar = {"rate": 77.0}

    def train(self, config: Config, seed: int, data: Hill, **options: Any) -> Training:
        training = super().train(config, seed, data, **options)
        try:
            while True:
                found = next(training)
                yield Epoch(0.0) if config.rate == 77.0 else found
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


class Open(Slope):
    """Does not hide it."""

    diverging: ClassVar = {"rate": 77.0}

    def train(self, config: Config, seed: int, data: Hill, **options: Any) -> Training:
        training = super().train(config, seed, data, **options)
        try:
            while True:
                found = next(training)
                yield Epoch(math.nan) if config.rate == 77.0 else found
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


class AtTheEnd(Slope):
    def train(self, config: Config, seed: int, data: Hill, **options: Any) -> Training:
        training, kept = super().train(config, seed, data, **options), []
        try:
            while True:
                kept.append(next(training))
                time.sleep(0.02)
        except StopIteration as end:
            yield from kept
            outcome: Outcome = end.value
            return outcome


class Fewer(Slope):
    def epochs(self, config: Config) -> int:
        return config.epochs + 1


class Rounding(Config):
    rate: float = Field(0.3333, gt=0, description="is written with one digit")
    shift: Literal["off", "on"] = "on"

    @field_serializer("rate")
    def _short(self, value: float) -> float:
        return round(value, 1)


class Lossy(Slope):
    config = Rounding


def findings(method: type[Slope]) -> dict[str, Finding]:
    own = method()
    return {one.name: one for one in check_method(KnownMethod(own, "a:B"), {}, own.load(None, Path()))}


SAME, RESUMED = "the same seed gives equal results", "stopped and resumed equals not stopped"
BROKEN: list[tuple[type[Slope], str, str]] = [
    (Unseeded, SAME, "draw everything from `seed`"),
    (Forgetful, RESUMED, "stopped after epoch"),
    (SeedBlind, "another seed differs", "seeds 0 and 1 gave the same numbers"),
    (Idle, "shift on differs from off", "with and without it the numbers are the same"),
    (Hiding, "a NaN ends as diverged", "with rate = 77.0 every value was finite"),
    (AtTheEnd, "epochs arrive while it trains", "nothing can be stopped early or resumed"),
    (Fewer, "epochs arrive while it trains", "epochs(config) is 5, and 4 were yielded"),
    (Lossy, "the config survives a round trip", "differs after being written and read as JSON"),
]


@pytest.mark.parametrize(("method", "row", "said"), BROKEN, ids=[one[0].__name__ for one in BROKEN])
def test_a_broken_promise_is_found_and_no_other(method: type[Slope], row: str, said: str) -> None:
    found = findings(method)
    assert found[row].holds is False
    assert said in found[row].text
    wrong = {name for name, one in found.items() if one.holds is False}
    assert wrong - {SAME, RESUMED, "epochs arrive while it trains"} <= {row}
    if method is not Unseeded:
        assert SAME not in wrong - {row}


def test_what_a_sound_method_keeps(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = findings(Open)
    assert {one.holds for one in found.values()} == {True}
    assert "rmse on validation data is nan after epoch 1" in found["a NaN ends as diverged"].text
    assert findings(Stateless)[RESUMED].holds is None
    assert "begins again, and loses its epochs so far" in findings(Stateless)[RESUMED].text
    command = ["method", "check", "tests.study_tests.slope_method:METHOD", "--home", str(tmp_path), "--json"]
    capsys.readouterr()
    assert mamlab([*command, "--set", "epochs=2"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["holds"] for one in told["findings"]] == [True] * 7 + [None]
    assert mamlab([*command, "--data", "nothing"]) == 2


@pytest.mark.parametrize(("given", "said"), [(1.0, "must yield an Epoch"), (Epoch(1.0), "must return an Outcome")])
def test_what_is_no_epoch_or_outcome_is_said(given: Any, said: str) -> None:
    class Wrong(Slope):
        def train(self, config: Config, seed: int, data: Hill, **options: Any) -> Any:
            yield from [given] * config.epochs

    with pytest.raises(MethodError, match=said) as caught:
        findings(Wrong)
    assert isinstance(caught.value, MamlabError)


class Sidestep(Slope):
    """Measures at its end what only its last epoch knows."""

    def train(self, config: Config, seed: int, data: Hill, **options: Any) -> Training:
        training = super().train(config, seed, data, **options)
        while True:
            try:
                found = next(training)
            except StopIteration:
                return Outcome(found.value)
            yield found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Epoch("0.5x"), 'Epoch.value must be a number, not "0.5x"'),  # type: ignore[arg-type]
        (Epoch(0.5, {"acc": "high"}), 'must be a number, not "high"'),  # type: ignore[dict-item]
        (Epoch(0.5, [1.0]), "Epoch.shown must be a dict of numbers by name"),  # type: ignore[arg-type]
        (Epoch(0.5, {"acc@5, %": 0.5}), "cannot be stored by MLflow: use letters, digits"),
        (Epoch(0.5, {"a" * 201: 0.5}), "is longer than 200 characters"),
        (Epoch(0.5, {"val_rmse": 0.5}), "is taken; call it otherwise"),
        (Outcome(per_task=3), "Outcome.per_task must list numbers, not 3"),  # type: ignore[arg-type]
        (Outcome(0.5, ["x"]), "each of Outcome.per_task must be a number"),  # type: ignore[list-item]
    ],
)
def test_what_a_method_gives_is_checked_before_it_is_stored(given: Any, said: str) -> None:
    class Wrong(Slope):
        def train(self, config: Config, seed: int, data: Hill, **options: Any) -> Any:
            yield from [given if isinstance(given, Epoch) else Epoch(0.5)] * config.epochs
            return given

    with pytest.raises(MethodError, match=re.escape(said)):
        findings(Wrong)


def test_a_method_is_also_resumed_after_its_last_epoch() -> None:
    found = findings(Sidestep)[RESUMED]
    assert found.holds is False
    assert "stopped after epoch 4 of 4, it cannot go on: UnboundLocalError" in found.text


def test_a_metric_whose_name_mlflow_refuses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slope, "metric", Metric("log loss, (nats)", better="lower"))
    with pytest.raises(InputError, match=r"metric: the name .* cannot be stored by MLflow: .* into its title"):
        _found.__wrapped__("tests.study_tests.slope_method:METHOD")


def test_settings_that_cannot_be_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for given, said in (("epochs=abc", "epochs: must be "), ("epochz=2", "epochz: unknown key; did you mean epochs?")):
        command = ["method", "check", "tests.study_tests.slope_method:METHOD", "--set", given, "--home", str(tmp_path)]
        assert mamlab(command) == 2
        assert said in capsys.readouterr().err
