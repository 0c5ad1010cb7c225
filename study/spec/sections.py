"""The sections of a spec file (TOML) as types. `study.spec.parsing` checks them against each other."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from trainers.data import DataConfig
from trainers.errors import InputError
from trainers.sections import Section

from .ablation_section import AblationSection
from .method_section import MethodSection
from .patterns import NAME
from .seed_groups import Score


def _with_room(seed: int) -> int:
    """Refuse a first seed after which seed + 1, seed + 2, ... may reach 2**63, which no database keeps."""
    if seed > 2**62:
        raise InputError(f"must be at most 2**62, not {seed}")
    return seed


Seed = Annotated[int, Field(ge=0), AfterValidator(_with_room)]


class FormerBest(Section):
    """An entry of [study] enqueue: the best configs of another study in the same home."""

    study: str = Field(pattern=NAME, description="name of an earlier study, whose best configs are tried first")
    best: int = Field(1, ge=1, description="number of its best configs to enqueue")


class KnownConfigs(Section):
    """An entry of [study] enqueue: a CSV file of configs."""

    csv: str = Field(
        min_length=1,
        description=(
            "CSV file with one config per row; the column names are dotted settings. A relative path is looked "
            "up beside the spec file, then in the current folder"
        ),
    )


class StudySection(Section):
    """[study]: the study's name and its seeds."""

    name: str = Field(
        pattern=NAME,
        description="must be 1 to 64 letters, digits, dots, dashes and underscores, starting with a letter or digit",
    )

    @model_validator(mode="after")
    def _a_bound_needs_two_seeds(self) -> StudySection:
        if self.score == "lower_bound" and self.seeds_per_trial < 2:
            raise InputError(
                f'score = "lower_bound" needs seeds_per_trial of at least 2, not {self.seeds_per_trial}; raise it, or '
                "leave score out"
            )
        return self

    @field_validator("name")
    @classmethod
    def _not_mlflows_own(cls, name: str) -> str:
        if name == "Default":
            raise InputError('"Default" is MLflow\'s own experiment; give the study another name')
        return name

    seed: Seed = Field(0, description="seed of the first training and of the sampler; of a search, below 2**32")
    seeds_per_trial: int = Field(
        1, ge=1, description="search only: trainings per trial, with seeds seed, seed + 1, ..."
    )
    score: Score = Field(
        "mean",
        description=(
            "search only: a trial's score over its seeds: the mean of their best validation accuracies, or the "
            "lower bound of its one-sided 95 % t interval"
        ),
    )
    enqueue: Annotated[tuple[str | FormerBest | KnownConfigs, ...], Field(strict=False)] | None = Field(
        None,
        description=(
            'search only: configs to try first: preset names, "portfolio", { study = NAME, best = COUNT }, '
            "{ csv = FILE }; [] for none; absent: the portfolio, if both learning rates are searched"
        ),
    )
    finalists: int = Field(
        5, ge=0,
        description="search only: rank this many of the best complete trials by their accuracy on held-out validation "
                    "tasks, which neither sampler nor pruner sees; 0: none, every trial is ranked by its own score",
    )  # fmt: skip
    test: bool = Field(False, description="search only: also evaluate every complete trial on the test tasks")


class Named(Section):
    """[sampler] or [pruner]: the name of an Optuna class; all other keys are its options."""

    name: str = Field(description='write name = "...", such as "tpe" or "median"')
    options: dict[str, Any] = Field(default_factory=dict, description="keyword arguments of Optuna's class")


def _split_options(table: object) -> object:
    if not isinstance(table, dict):
        return table
    name = {"name": table["name"]} if "name" in table else {}
    return {**name, "options": {key: value for key, value in table.items() if key != "name"}}


NamedTable = Annotated[Named, BeforeValidator(_split_options)]


class BudgetSection(Section):
    """[budget]: when the study stops. You may change it between two starts."""

    trials: int | None = Field(None, ge=1, description="search only: number of trials")
    hours: float | None = Field(
        None, gt=0, allow_inf_nan=False,
        description="stop launching runs once total wall-clock hours exceed this; absent: no limit. All starts of the "
                    "study count",
    )  # fmt: skip
    cpu_hours: float | None = Field(
        None, gt=0, allow_inf_nan=False,
        description="stop launching runs once total core-hours exceed this; absent: no limit",
    )  # fmt: skip
    gpu_hours: float | None = Field(
        None, gt=0, allow_inf_nan=False,
        description="stop launching runs once total GPU-hours exceed this; absent: no limit",
    )  # fmt: skip

    @property
    def ends(self) -> bool:
        """Whether any limit here ends a search."""
        return any(limit is not None for limit in (self.trials, self.hours, self.cpu_hours, self.gpu_hours))


class ExecutionSection(Section):
    """[execution]: the workers and their hardware. You may change it between two starts."""

    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description=(
            "number of trainings in parallel; auto: `workers_per_gpu` for each GPU, or cores / threads on a "
            "machine without a GPU"
        ),
    )
    workers_per_gpu: int = Field(
        1,
        ge=1,
        description="local only: number of trainings that share a GPU, by turns or with NVIDIA's MPS (docs/gpu.md)",
    )
    threads: int = Field(1, ge=1, description="CPU threads per worker")
    keep: Literal["best", "all", "none"] = Field(
        "best",
        description=(
            "checkpoints to keep of a complete run: its top-k epochs, every epoch, or none (then other studies "
            "cannot reuse the run)"
        ),
    )
    retries: int = Field(2, ge=0, description="how many times a failed run is retried")
    timeout: float | None = Field(
        None, gt=0, allow_inf_nan=False,
        description="seconds without a message from a worker (it sends one per epoch) before it is killed and its run "
                    "resumes in another; absent: no limit",
    )  # fmt: skip
    executor: Literal["local", "ray"] = Field(
        "local", description="where workers run: local processes, or actors on a Ray cluster"
    )
    address: str | None = Field(
        None,
        min_length=1,
        description='Ray only: the cluster, as host:port or "auto"; absent: Ray is started on this machine',
    )
    cpus_per_run: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        strict=False,
        description="Ray only: CPUs per run; absent: the value of threads",
    )
    gpus_per_run: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        strict=False,
        description=(
            "Ray only: GPUs per run; with a fraction, runs share a GPU; absent: 1 if the cluster has GPUs, else 0"
        ),
    )

    @field_validator("gpus_per_run")
    @classmethod
    def _as_ray_shares(cls, gpus: float | None) -> float | None:
        if gpus is not None and gpus > 1 and gpus != int(gpus):
            raise InputError(f"must be a fraction of one GPU (up to 1) or a whole number, not {gpus:g}")
        return gpus

    @model_validator(mode="after")
    def _no_ray_without_ray(self) -> ExecutionSection:
        given = [name for name in ("address", "cpus_per_run", "gpus_per_run") if name in self.model_fields_set]
        if self.executor != "ray" and given:
            raise InputError(f'only executor = "ray" uses {", ".join(given)}; add it, or leave {given[0]} out')
        if "workers_per_gpu" in self.model_fields_set and (self.executor == "ray" or self.workers != "auto"):
            other = "on Ray, set gpus_per_run instead" if self.executor == "ray" else "workers is already a number"
            raise InputError(f"workers_per_gpu has no effect: {other}; leave it out")
        return self


class SpecFile(Section):
    """A whole spec file, section by section; [trainer] and [space] are validated separately."""

    study: StudySection = Field(description='add a section [study] with name = "..."')
    data: DataConfig = Field(description='add a section [data] with source = "..."')
    method: MethodSection | None = Field(None, description="who trains; absent: MAML++")
    trainer: dict[str, Any] = Field(default_factory=dict, description="preset, size, and any trainer settings")
    space: dict[str, Any] | None = Field(None, description="the settings that a search varies, and their ranges")
    sampler: NamedTable | None = Field(None, description="Optuna's sampler")
    pruner: NamedTable | None = Field(None, description="Optuna's pruner, which stops poor trials early")
    ablation: AblationSection | None = Field(None, description="the arms that an ablation compares")
    budget: BudgetSection = BudgetSection()
    execution: ExecutionSection = ExecutionSection()
