"""The settings classes of a training: a section for each part of MAML++, and all of them in `Settings`.

Sections follow the parts of Antoniou, Edwards, Storkey, "How to train your MAML" (ICLR 2019, cited below as HTYM). A
component that can be switched (MSL, DA, LSLR, CA, BNRS, BNWB) is ``"off"`` or its own settings; ``"on"`` stands for its
default settings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from .error_messages import explain
from .errors import InputError

Off = Literal["off"]
Granularity = Literal["shared", "per_layer", "per_layer_per_step", "per_parameter"]
MSLSchedule = Literal["linear", "ema", "cosine", "constant"]
Queries = Literal["batch", "running"]
Precision = Literal["float32", "float64", "tf32", "bfloat16"]

POSITIONS = ("msl.epochs", "da.first_order_epochs", "ca.period")
"""Settings that are positions in time: 10 epochs and 0.1 of 100 epochs give the same training."""

COMPONENTS = ("msl", "da", "lslr", "ca", "bnwb", "bnrs")
"""Components that can be on or off, in the order of the paper's table."""


def plain(value: Any) -> Any:
    """Return a number of NumPy's as Python's own, also in dicts, and anything else unchanged."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


class Section(BaseModel):
    """Base of every settings class: frozen, and unknown keys are refused.

    Made in Python, it takes NumPy's numbers, and a wrong setting raises InputError as a spec file does.
    `model_validate` raises pydantic's own error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**plain(settings))
        except ValidationError as error:
            raise InputError(explain(error, type(self))) from None

    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # else pydantic calls it for nested sections


def _check_position(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError("must be a whole number of epochs or a fraction of the run between 0.0 and 1.0")
    if isinstance(value, int) and value < 0:
        raise InputError("a number of epochs must be at least 0")
    if isinstance(value, float) and not 0.0 <= value <= 1.0:
        raise InputError(
            "a fraction of the run must be between 0.0 and 1.0; write a number of epochs as an integer (10, not 10.0)"
        )
    return value


Position = Annotated[int | float, BeforeValidator(_check_position)]
"""A position in time: a whole number of epochs, or a float share of the planned run in [0, 1]."""


def resolve(position: int | float, epochs: int) -> int:
    """Return `position` in epochs of a run of `epochs` epochs; a share is rounded half up."""
    return position if isinstance(position, int) else math.floor(position * epochs + 0.5)


class Episodes(Section):
    """Shape of the few-shot tasks."""

    ways: int = Field(5, ge=2, description="classes per task (N-way)")
    shots: int = Field(1, ge=1, description="support images per class (K-shot)")
    queries: int = Field(1, ge=1, description="query images per class")
    tasks: int = Field(8, ge=1, description="tasks per meta-batch")


class Model(Section):
    """The network of Vinyals et al. 2016: blocks of conv3x3, batch norm, leaky ReLU, downsampling."""

    filters: int = Field(64, ge=1, description="channels in every block")
    blocks: int = Field(4, ge=1, le=8, description="number of convolutional blocks")
    downsample: Literal["max_pool", "stride"] = Field(
        "max_pool",
        description="how each block halves the image: 2x2 max-pooling, or stride-2 convolutions followed by one "
        "average pool",
    )
    init_seed: int | None = Field(
        None,
        ge=0,
        description="seed of the initial weights; absent: the training's own seed. Set it to give all seeds one "
        "initialisation, as the released MAML++ code does",
    )


class Inner(Section):
    """The inner loop: gradient descent on a task's support set."""

    steps: int = Field(5, ge=1, le=50, description="inner gradient steps in training")
    evaluation_steps: int | None = Field(
        None,
        ge=1,
        le=100,
        description="inner gradient steps in evaluation; absent: as in training. Extra steps reuse the last step's "
        "learning rates and batch-norm parameters",
    )
    lr: float = Field(0.1, gt=0, allow_inf_nan=False, description="inner learning rate; with LSLR, its initial value")


class MSL(Section):
    """Multi-step loss optimisation (HTYM section 4, "gradient instability")."""

    schedule: MSLSchedule = Field(
        "linear", description="how the weights of the per-step query losses change over the epochs"
    )
    epochs: Position = Field(
        0.1,
        description="length of the annealing (epochs, or fraction of the run); afterwards only the last step's loss "
        "counts",
    )
    tau: float = Field(
        0.5, gt=0, lt=1, description='schedule "ema" only: smoothing factor of the moving average over steps'
    )


class DA(Section):
    """Derivative-order annealing (HTYM section 4, "second order derivative cost")."""

    first_order_epochs: Position = Field(
        1 / 3,
        description="number of initial epochs (or fraction of the run) with first-order gradients; second-order "
        "afterwards. 1.0 is FOMAML",
    )


class LSLR(Section):
    """Learned inner learning rates (HTYM section 4, "shared inner loop learning rate")."""

    granularity: Granularity = Field(
        "per_layer_per_step",
        description="what gets its own learning rate: one for everything, one per weight tensor and bias, one per "
        "tensor and inner step, or one per parameter (Meta-SGD)",
    )


class CA(Section):
    """Cosine annealing of the outer learning rate (HTYM section 4, "fixed outer loop learning rate"), with warm
    restarts.
    """

    min_lr: float = Field(
        1e-5,
        ge=0,
        allow_inf_nan=False,
        description="outer learning rate at the end of a period; at most the rate at its start",
    )
    period: Position = Field(
        1.0, description="epochs (or fraction of the run) until the first warm restart; 1.0: no restart"
    )
    period_mult: int = Field(1, ge=1, description="each period is this many times as long as the one before")
    restart_decay: float = Field(
        1.0, gt=0, le=1, description="factor applied to the outer learning rate at each restart"
    )


class BatchNorm(Section):
    """Batch normalisation. Its scale and shift are meta-learned and not adapted in the inner loop."""

    queries: Queries = Field(
        "batch",
        description="statistics that normalise query images: those of the query batch (transductive, as in all "
        "published numbers), or running statistics",
    )
    momentum: float = Field(
        0.1,
        gt=0,
        le=1,
        description='weight of the new batch in the running statistics; needs norm.queries = "running"',
    )


class Outer(Section):
    """The outer optimiser: Adam."""

    lr: float = Field(
        1e-3, gt=0, le=1e6, description="outer learning rate; with CA, the value at the start of a period"
    )
    beta1: float = Field(0.9, ge=0, lt=1, description="Adam's decay rate for the first moment")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's decay rate for the second moment")
    weight_decay: float = Field(0.0, ge=0, allow_inf_nan=False, description="L2 penalty; 0 disables it")
    clip: float | Off = Field(
        "off", description='each element of the meta-gradient is clipped to [-clip, clip]; "off" disables it'
    )

    @model_validator(mode="after")
    def _clip_is_positive(self) -> Outer:
        if isinstance(self.clip, float) and not 0 < self.clip < math.inf:
            raise InputError(f'clip must be a positive number or "off", not {self.clip}')
        return self


class Budget(Section):
    """Length of training."""

    epochs: int = Field(100, ge=1, description="number of epochs; each ends with validation and a checkpoint")
    iterations: int = Field(500, ge=1, description="meta-batches per epoch")


class Evaluation(Section):
    """Evaluation: fixed validation tasks after every epoch, test tasks once at the end."""

    val_tasks: int = Field(600, ge=2, description="number of validation tasks")
    test_tasks: int = Field(600, ge=2, description="number of test tasks")
    top_k: int = Field(
        5, ge=1, le=20, description="size of the ensemble: the best epochs by validation accuracy, logits averaged"
    )


def _switch(settings: type[Section]) -> BeforeValidator:
    """Accept "on" for a component's default settings."""
    return BeforeValidator(lambda value: settings() if value == "on" else value)


class Settings(Section):
    """All settings of a training, each validated alone; `trainers.config.TrainerConfig` validates them together."""

    episodes: Episodes = Episodes()
    model: Model = Model()
    inner: Inner = Inner()
    msl: Annotated[Off | MSL, _switch(MSL)] = Field("off", description="multi-step loss optimisation")
    da: Annotated[Off | DA, _switch(DA)] = Field("off", description="derivative-order annealing")
    lslr: Annotated[Off | LSLR, _switch(LSLR)] = Field("off", description="learned inner learning rates")
    ca: Annotated[Off | CA, _switch(CA)] = Field("off", description="cosine annealing of the outer learning rate")
    bnrs: Literal["off", "on"] = Field("off", description="per-step running statistics of batch norm")
    bnwb: Literal["off", "on"] = Field("off", description="per-step weights and biases of batch norm")
    norm: BatchNorm = BatchNorm()
    outer: Outer = Outer()
    budget: Budget = Budget()
    evaluation: Evaluation = Evaluation()
    precision: Precision = Field(
        "float32", description="floating-point format; tf32 needs CUDA, bfloat16 is mixed precision"
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description='must be "auto", "cpu", "cuda" or "cuda:N" (auto: a GPU if there is one, else the CPU; does not '
        "affect the fingerprint)",
    )

    tasks_at_once: int | Literal["auto"] = Field(
        "auto",
        description="tasks of a meta-batch computed together; auto: chosen by device and memory. Affects speed and "
        "memory only, not the fingerprint",
    )

    compile: bool = Field(
        False,
        description="compile the blocks' derivatives with torch.compile. Takes half a minute once per worker; worth "
        "trying on GPUs, slower on a CPU. Does not affect the fingerprint",
    )

    graphs: Literal["auto", "on", "off"] = Field(
        "auto",
        description="record a training iteration as a CUDA graph and replay it: the same numbers in less time. auto: "
        "on a GPU; on: a GPU is required; off: never. Does not affect the fingerprint",
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
