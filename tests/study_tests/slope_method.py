"""A tiny method, judged by an error: it walks down a slope, in steps that its config says, towards a noisy bottom."""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from reports.metric import Metric
from trainers.errors import InputError
from trainers.method import Checkpoint, Epoch, Outcome
from trainers.sections import Section


class Momentum(Section):
    beta: float = Field(0.5, ge=0, lt=1, description="share of the last step that is taken again")


class Config(Section):
    rate: float = Field(0.3, gt=0, le=100, description="length of a step, as a share of the way")
    momentum: Literal["off"] | Momentum = Field(Momentum(), description="steps that remember")
    shift: Literal["off", "on"] = Field("on", description="start nearer")
    epochs: int = Field(4, ge=1, description="number of epochs")


@dataclass(frozen=True)
class Hill:
    name: str = "hill"
    checksum: str = "hill-1"
    height: float = 8.0


class Slope:
    name, version = "Slope", "1"
    config = Config
    components = ("momentum", "shift")
    metric = Metric("rmse", better="lower", unit="m")
    pairing = "noise"

    def epochs(self, config: Config) -> int:
        return config.epochs

    def load(self, data: Any, folder: Path) -> Hill:
        if getattr(data, "height", 8.0) <= 0:
            raise InputError("data.height: must be positive")
        return Hill(height=getattr(data, "height", 8.0), checksum=f"hill-{getattr(data, 'height', 8.0)}")

    def train(
        self, config: Config, seed: int, data: Hill, *, checkpoint: Checkpoint, test: bool
    ) -> Generator[Epoch, None, Outcome]:
        noise = random.Random(seed).random()
        state = dict(checkpoint.load() or {"at": data.height - (config.shift == "on"), "step": 0.0, "epoch": 0})
        print(f"walks from epoch {state['epoch'] + 1}", flush=True)
        while state["epoch"] < config.epochs:
            beta = 0.0 if config.momentum == "off" else config.momentum.beta
            state["step"] = beta * state["step"] - config.rate * state["at"]
            state["at"] += state["step"]
            state["epoch"] += 1
            checkpoint.save(state)
            yield Epoch(abs(state["at"]) + noise, {"step": state["step"]})
        return Outcome(abs(state["at"]) + noise + 0.5, [abs(state["at"]), 2 * noise + 1]) if test else Outcome()


METHOD = Slope()
