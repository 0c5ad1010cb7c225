"""The sections of a spec file (TOML), as types. `study.spec.config` reads them and checks them against one another."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from search_spaces.designs import Design
from trainers.data import DataConfig
from trainers.errors import InputError
from trainers.sections import Section

from .seed_groups import Score

NAME = r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$"

Strings = Annotated[tuple[str, ...], Field(strict=False)]


class FormerBest(Section):
    """One of [study] enqueue: the best of a study in the same home."""

    study: str = Field(pattern=NAME, description="name of a study whose best configs are tried first")
    best: int = Field(1, ge=1, description="how many of its best")


class KnownConfigs(Section):
    """One of [study] enqueue: a file of known configs."""

    csv: str = Field(
        min_length=1,
        description="file whose columns are dotted settings and whose rows are configs; relative to the spec file's folder, or else to "
        "the folder in which the command is given",
    )


class StudySection(Section):
    """[study]: what the study is called, and where its randomness starts."""

    name: str = Field(
        pattern=NAME,
        description="must be 1 to 64 letters, digits, dots, dashes and underscores, the first a letter or digit",
    )

    @model_validator(mode="after")
    def _a_bound_needs_two_seeds(self) -> StudySection:
        if self.score == "lower_bound" and self.seeds_per_trial < 2:
            raise InputError(
                f'score = "lower_bound" needs seeds_per_trial of at least 2, not {self.seeds_per_trial}; raise it, or leave score out'
            )
        return self

    @field_validator("name")
    @classmethod
    def _not_mlflows_own(cls, name: str) -> str:
        if name == "Default":
            raise InputError('"Default" is MLflow\'s own experiment; give the study another name')
        return name

    seed: int = Field(0, ge=0, description="first seed of the trainings, and seed of the sampler")
    seeds_per_trial: int = Field(1, ge=1, description="search only: trainings a trial, with seeds seed, seed + 1, ...")
    score: Score = Field(
        "mean",
        description="search only: what is compared of a trial's seeds: the mean of their best validation accuracies, or the "
        "lower end of its one-sided 95 % t interval",
    )
    enqueue: Annotated[tuple[str | FormerBest | KnownConfigs, ...], Field(strict=False)] = Field(
        (),
        description="search only: what is tried first: presets, { study = NAME, best = COUNT }, { csv = FILE }",
    )
    test: bool = Field(False, description="search only: whether every complete trial is tested too")


class Named(Section):
    """[sampler] or [pruner]: one of Optuna's, by name; all other keys are its options."""

    name: str = Field(description="which one")
    options: dict[str, Any] = Field(default_factory=dict, description="keyword arguments of Optuna's class")


def _split_options(table: object) -> object:
    if not isinstance(table, dict):
        return table
    name = {"name": table["name"]} if "name" in table else {}
    return {**name, "options": {key: value for key, value in table.items() if key != "name"}}


NamedTable = Annotated[Named, BeforeValidator(_split_options)]


class ArmSection(Section):
    """[[ablation.arms]]: an arm of the user's own."""

    name: str = Field(min_length=1, description="the arm's name in tables")
    set: dict[str, Any] = Field(
        default_factory=dict, description="settings laid over [trainer], nested or by dotted path"
    )


class FamilySection(Section):
    """[[ablation.families]]: comparisons that are judged together, each of some arms against one."""

    name: str = Field(min_length=1, description="the family's name in tables")
    base: str = Field(description="the arm that the others are compared with")
    arms: Strings | None = Field(None, description="what is compared with it; absent: every other arm")


class OriginTrial(Section):
    """One arm of [ablation.origin.trials]: the trial whose settings it has."""

    number: int = Field(ge=0, description="the trial's number in the search")
    score: float = Field(description="its validation accuracy there, in [0, 1]; as a search's best biased upward")
    seeds: int = Field(1, ge=1, description="trainings that the score is the mean of")


class OriginSection(Section):
    """[ablation.origin]: the search whose trials are trained again; written by `mamlab promote` and `mamlab ablate --from`."""

    search: str = Field(pattern=NAME, description="name of the search")
    trials: dict[str, OriginTrial] = Field(default_factory=dict, description="arm -> the trial that it was")
    data_checksum: str | None = Field(
        None, description="of the data that the search was trained on; other data is refused"
    )


class AblationSection(Section):
    """[ablation]: which arms are compared, over how many seeds."""

    design: Design = Field(
        description='say design = "leave_one_out", "add_one_in", "both", "factorial", "sweep" or "arms"'
    )
    sweep: dict[str, Any] | None = Field(None, description='design "sweep" only: one setting and its values')
    families: Annotated[tuple[FamilySection, ...], Field(strict=False)] = Field(
        (), description="comparisons whose p values are adjusted together; absent: those of the design"
    )
    allow_underpowered: bool = Field(
        False, description="run also if a family has too few seeds for any of its p values to reach 0.05"
    )
    components: Strings | None = Field(None, description="components that the design varies; absent: all that are on")
    seeds: int = Field(3, ge=1, description="trainings an arm, with seeds study.seed, study.seed + 1, ...")
    arms: Annotated[tuple[ArmSection, ...], Field(strict=False)] = Field((), description="further arms")
    base: str | None = Field(
        None, description="the arm that [[ablation.arms]] are compared with; absent: MAML++, or the first arm"
    )
    origin: OriginSection | None = Field(None, description="the search that the arms come from, for the report")


class BudgetSection(Section):
    """[budget]: when the study stops. May change between two starts."""

    trials: int | None = Field(None, ge=1, description="search only: number of trials")
    hours: float | None = Field(
        None, gt=0, allow_inf_nan=False,
        description="no new run starts after so many hours of wall clock, over all starts; absent: no limit",
    )  # fmt: skip
    cpu_hours: float | None = Field(
        None, gt=0, allow_inf_nan=False,
        description="no new run starts after so many hours of cores, over all starts; absent: no limit",
    )  # fmt: skip
    gpu_hours: float | None = Field(
        None, gt=0, allow_inf_nan=False,
        description="no new run starts after so many hours of GPUs, over all starts; absent: no limit",
    )  # fmt: skip

    @property
    def ends(self) -> bool:
        """Whether anything here ends a search."""
        return any(limit is not None for limit in (self.trials, self.hours, self.cpu_hours, self.gpu_hours))


class ExecutionSection(Section):
    """[execution]: who does the work. May change between two starts."""

    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="trainings side by side; auto: `workers_per_gpu` for each GPU, without one as many as cores / threads",
    )
    workers_per_gpu: int = Field(1, ge=1, description="local only: trainings that share a GPU, where there is one")
    threads: int = Field(1, ge=1, description="CPU threads of each worker")
    keep: Literal["best", "all", "none"] = Field(
        "best",
        description="checkpoints of a complete run: those of its top-k epochs, of every epoch, or none (such a run cannot be used again)",
    )
    retries: int = Field(2, ge=0, description="how often a failed run is started again")
    timeout: float | None = Field(
        None, gt=0, allow_inf_nan=False,
        description="seconds that a worker may be silent (an epoch, the test); then it is killed, and the run goes on elsewhere; absent: no limit",
    )  # fmt: skip
    executor: Literal["local", "ray"] = Field(
        "local", description="processes of this machine, or actors of a Ray cluster"
    )
    address: str | None = Field(
        None, min_length=1, description='Ray only: the cluster, as host:port or "auto"; absent: a Ray on this machine'
    )
    cpus_per_run: float | None = Field(
        None, gt=0, allow_inf_nan=False, strict=False, description="Ray only: CPUs for each run; absent: threads"
    )
    gpus_per_run: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        strict=False,
        description="Ray only: GPUs for each run, a fraction lets runs share one; absent: 1 if the cluster has any",
    )

    @field_validator("gpus_per_run")
    @classmethod
    def _as_ray_shares(cls, gpus: float | None) -> float | None:
        if gpus is not None and gpus > 1 and gpus != int(gpus):
            raise InputError(f"must be a share of one GPU (up to 1) or a whole number, not {gpus:g}")
        return gpus

    @model_validator(mode="after")
    def _no_ray_without_ray(self) -> ExecutionSection:
        given = [name for name in ("address", "cpus_per_run", "gpus_per_run") if name in self.model_fields_set]
        if self.executor != "ray" and given:
            raise InputError(f'only executor = "ray" uses {", ".join(given)}; add it, or leave {given[0]} out')
        if "workers_per_gpu" in self.model_fields_set and (self.executor == "ray" or self.workers != "auto"):
            other = "gpus_per_run says it on Ray" if self.executor == "ray" else "workers is a number already"
            raise InputError(f"workers_per_gpu has no effect: {other}; leave it out")
        return self


class SpecFile(Section):
    """A whole spec file, section by section; [trainer] and [space] are read against the trainer's own types."""

    study: StudySection = Field(description='write a section [study] with name = "..."')
    data: DataConfig = Field(description='write a section [data] with source = "..."')
    trainer: dict[str, Any] = Field(default_factory=dict, description="preset, size, and any settings of TrainerConfig")
    space: dict[str, Any] | None = Field(None, description="what a search varies")
    sampler: NamedTable | None = Field(None, description="how a search chooses")
    pruner: NamedTable | None = Field(None, description="when a search stops a trial early")
    ablation: AblationSection | None = Field(None, description="what an ablation compares")
    budget: BudgetSection = BudgetSection()
    execution: ExecutionSection = ExecutionSection()
