"""The settings classes of a training: a section for each part of MAML++, and all of them in `Settings`.

Sections follow the parts of Antoniou, Edwards, Storkey, "How to train your MAML" (ICLR 2019, cited below as HTYM). A component that
can be switched (MSL, DA, LSLR, CA, BNRS, BNWB) is ``"off"`` or its own settings; ``"on"`` stands for its default settings.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from .errors import InputError

Off = Literal["off"]
Granularity = Literal["shared", "per_layer", "per_layer_per_step", "per_parameter"]
MSLSchedule = Literal["linear", "ema", "cosine", "constant"]
Queries = Literal["batch", "running"]
Precision = Literal["float32", "float64", "tf32", "bfloat16"]

POSITIONS = ("msl.epochs", "da.first_order_epochs", "ca.period")
"""Positions in time; ten epochs and a tenth of a hundred epochs are the same training."""

COMPONENTS = ("msl", "da", "lslr", "ca", "bnwb", "bnrs")
"""What can be on or off, in the order of the paper's table."""


class Section(BaseModel):
    """Base of every settings class: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _check_position(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError("must be a whole number of epochs or a share of the run between 0.0 and 1.0")
    if isinstance(value, int) and value < 0:
        raise InputError("a number of epochs must be at least 0")
    if isinstance(value, float) and not 0.0 <= value <= 1.0:
        raise InputError(
            "a share of the run must be between 0.0 and 1.0; write epochs as a whole number (10, not 10.0)"
        )
    return value


Position = Annotated[int | float, BeforeValidator(_check_position)]
"""A position in time: a whole number of epochs, or a float share of the planned run in [0, 1]."""


def resolve(position: int | float, epochs: int) -> int:
    """Return `position` in epochs of a run of `epochs` epochs; a share is rounded half up."""
    return position if isinstance(position, int) else math.floor(position * epochs + 0.5)


class Episodes(Section):
    """Shape of the few-shot tasks."""

    ways: int = Field(5, ge=2, description="classes a task")
    shots: int = Field(1, ge=1, description="support images a class")
    queries: int = Field(1, ge=1, description="query images a class")
    tasks: int = Field(8, ge=1, description="tasks a meta-batch")


class Model(Section):
    """The network of Vinyals et al. 2016: blocks of conv3x3, batch norm, leaky ReLU, downsampling."""

    filters: int = Field(64, ge=1, description="channels of every block")
    blocks: int = Field(4, ge=1, le=8, description="number of blocks")
    downsample: Literal["max_pool", "stride"] = Field(
        "max_pool",
        description="halve the image by 2x2 max-pooling, or by convolutions of stride 2 and one average pool",
    )
    init_seed: int | None = Field(
        None,
        ge=0,
        description="seed of the initial weights; absent: the training's own. The same for all seeds repeats what the MAML++ code did, whose seeds share one initialisation",
    )


class Inner(Section):
    """The inner loop: gradient descent on a task's support set."""

    steps: int = Field(5, ge=1, le=50, description="gradient steps in training")
    evaluation_steps: int | None = Field(
        None,
        ge=1,
        le=100,
        description="gradient steps in evaluation; absent: as in training. More reuse the last step's rates and norms",
    )
    lr: float = Field(0.1, gt=0, allow_inf_nan=False, description="inner learning rate; with LSLR its initial value")


class MSL(Section):
    """Multi-step loss optimisation (HTYM section 4, "gradient instability")."""

    schedule: MSLSchedule = Field("linear", description="how the weights of the steps' query losses change by epoch")
    epochs: Position = Field(
        0.1, description="length of the annealing (epochs, or share of the run); after it only the last step counts"
    )
    tau: float = Field(0.5, gt=0, lt=1, description="schedule ema only: rate of the moving average over steps")


class DA(Section):
    """Derivative-order annealing (HTYM section 4, "second order derivative cost")."""

    first_order_epochs: Position = Field(
        1 / 3,
        description="epochs (or share of the run) with first-order gradients, before second-order ones; 1.0 is FOMAML",
    )


class LSLR(Section):
    """Learned inner rates (HTYM section 4, "shared inner loop learning rate")."""

    granularity: Granularity = Field(
        "per_layer_per_step",
        description="what has a rate of its own: everything together, each layer's weight and bias, those at each step, or each parameter (Meta-SGD)",
    )


class CA(Section):
    """Cosine annealing of the outer rate (HTYM section 4, "fixed outer loop learning rate"), with warm restarts."""

    min_lr: float = Field(
        1e-5,
        ge=0,
        allow_inf_nan=False,
        description="outer rate at the end of a period; never above where the period starts",
    )
    period: Position = Field(
        1.0, description="epochs (or share of the run) until the first warm restart; 1.0: no restart"
    )
    period_mult: int = Field(1, ge=1, description="each period is so many times as long as the one before")
    restart_decay: float = Field(
        1.0, gt=0, le=1, description="each restart begins at so much of the rate of the one before"
    )


class BatchNorm(Section):
    """Batch normalisation; its affine weights are meta-learned, never adapted in the inner loop."""

    queries: Queries = Field(
        "batch",
        description="statistics for test queries: those of the query batch (transductive, as all published numbers), or running ones",
    )
    momentum: float = Field(
        0.1,
        gt=0,
        le=1,
        description="share of the new value in an update of the running statistics; acts with queries = running",
    )


class Outer(Section):
    """The outer optimiser: Adam."""

    lr: float = Field(1e-3, gt=0, le=1e6, description="outer learning rate; with CA the start of a period")
    beta1: float = Field(0.9, ge=0, lt=1, description="Adam's decay rate of the mean gradient")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's decay rate of the squared gradient")
    weight_decay: float = Field(0.0, ge=0, allow_inf_nan=False, description="L2 penalty; 0 disables")
    clip: float | Off = Field("off", description="limit of each meta-gradient's elements; off disables")

    @model_validator(mode="after")
    def _clip_is_positive(self) -> Outer:
        if isinstance(self.clip, float) and not 0 < self.clip < math.inf:
            raise InputError(f'clip must be a positive number or "off", not {self.clip}')
        return self


class Budget(Section):
    """Length of the training."""

    epochs: int = Field(100, ge=1, description="epochs; validation and a checkpoint after each")
    iterations: int = Field(500, ge=1, description="meta-batches an epoch")


class Evaluation(Section):
    """How accuracy is measured: fixed validation tasks every epoch, test tasks once at the end."""

    val_tasks: int = Field(600, ge=2, description="validation tasks")
    test_tasks: int = Field(600, ge=2, description="test tasks")
    top_k: int = Field(5, ge=1, le=20, description="best epochs by validation in the ensemble (mean of logits)")


def _switch(settings: type[Section]) -> BeforeValidator:
    """Accept "on" for a component's default settings."""
    return BeforeValidator(lambda value: settings() if value == "on" else value)


class Settings(Section):
    """All settings of a training, each checked alone; `trainers.config.TrainerConfig` checks them together."""

    episodes: Episodes = Episodes()
    model: Model = Model()
    inner: Inner = Inner()
    msl: Annotated[Off | MSL, _switch(MSL)] = Field("off", description="multi-step loss")
    da: Annotated[Off | DA, _switch(DA)] = Field("off", description="derivative-order annealing")
    lslr: Annotated[Off | LSLR, _switch(LSLR)] = Field("off", description="learned inner rates")
    ca: Annotated[Off | CA, _switch(CA)] = Field("off", description="cosine annealing of the outer rate")
    bnrs: Literal["off", "on"] = Field("off", description="per-step running statistics of batch norm")
    bnwb: Literal["off", "on"] = Field("off", description="per-step weights and biases of batch norm")
    norm: BatchNorm = BatchNorm()
    outer: Outer = Outer()
    budget: Budget = Budget()
    evaluation: Evaluation = Evaluation()
    precision: Precision = Field(
        "float32", description="arithmetic of the training; tf32 needs CUDA, bfloat16 is mixed precision"
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="auto: a GPU where there is one, else the CPU; never changes which run this is",
    )

    tasks_at_once: int | Literal["auto"] = Field(
        "auto",
        description="tasks computed side by side; auto: by memory and device. Changes speed and memory, never which run this is",
    )

    compile: bool = Field(
        False,
        description="compile the blocks' derivatives with torch.compile: half a minute once a worker, for GPUs to try (on a CPU it is slower); never changes which run this is",
    )

    @field_validator("tasks_at_once")
    @classmethod
    def _some_tasks(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise InputError(f'tasks_at_once must be at least 1, or "auto", not {value}')
        return value

    @property
    def evaluation_steps(self) -> int:
        """Inner steps in evaluation."""
        return self.inner.evaluation_steps or self.inner.steps
