"""StudyConfig: a validated study description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reports.metric import Metric
from reports.records import Across, Factorial, Family, Kind, Sweep
from search_spaces.space import SearchSpace
from search_spaces.trials import FixedParams
from trainers.data import DataConfig
from trainers.errors import InputError
from trainers.inert import Inert
from trainers.known_method import MAMLPP, KnownMethod
from trainers.method import Config
from trainers.overrides import Tree, merge

from .ablation_section import AblationSection
from .optuna_parts import WILCOXON
from .sections import BudgetSection, ExecutionSection, Named, StudySection


class SpecError(InputError):
    """A spec file that cannot be run; `problems` has one line for each error."""

    def __init__(self, problems: list[str], path: Path | None = None, options: str = "") -> None:
        self.problems = problems
        where = f"{path or 'spec'}{f' with {options}' if options else ''}:"
        super().__init__("\n".join([where, *(f"  {line}" for line in problems)]))


@dataclass(frozen=True, repr=False)
class StudyConfig:
    """The contents of a spec file, resolved.

    Attributes:
        study, data, budget, execution: the sections as written.
        kind: "search" with [space], "ablation" with [ablation], else "train" (one run).
        base_tree: overrides that every config of the study starts from: preset, [trainer] and space.fix.
        base: the normalised config of `base_tree`; `dropped` are settings that had no effect in it.
        space, sampler, pruner: of a search; else None.
        enqueued: of a search: name of a preset, of a config of the portfolio, or of what `study.warm_start` reads ->
            Optuna parameters of a first trial.
        typed, size: of a search: what [trainer] says, and the size of its preset.
        arms: of an ablation: arm name -> (config, what was dropped); `families` are its comparisons.
        factorial, sweep: of an ablation of that design; else None.
        across: of an ablation that is repeated at several values of a setting; else None.
        notes: what the user should know and need not mend.
        spec_text: the file as it was, to keep with the results; `folder` is where it lies, None for a text without a
            file.
        trained_by: who trains, where that is not MAML++'s own trainer (`study.spec.trained_by`); a part of every
            training's fingerprint. Empty for MAML++.
        method: the learner, whose configs these are.
        trusted: with --trust-version, what trains now in place of `trained_by`, from another source; else empty.
    """

    study: StudySection
    data: DataConfig
    budget: BudgetSection
    execution: ExecutionSection
    kind: Kind
    base_tree: Tree
    base: Config
    dropped: tuple[Inert, ...] = ()
    space: SearchSpace | None = None
    sampler: Named | None = None
    pruner: Named | None = None
    enqueued: dict[str, dict[str, Any]] = field(default_factory=dict)
    typed: Tree = field(default_factory=dict)
    size: str = "omniglot"
    ablation: AblationSection | None = None
    arms: dict[str, tuple[Config, tuple[Inert, ...]]] = field(default_factory=dict)
    families: tuple[Family, ...] = ()
    factorial: Factorial | None = None
    sweep: Sweep | None = None
    across: Across | None = None
    notes: tuple[str, ...] = ()
    spec_text: str = ""
    folder: Path | None = None
    trained_by: str = ""
    method: KnownMethod = MAMLPP
    trusted: str = ""

    def __repr__(self) -> str:
        """Return the study in a line; `spec_text` has all of it."""
        return (
            f"<mamlab.StudyConfig {self.study.name}: {self.kind} on {self.data.source}; print its spec_text for all"
            " of it>"
        )

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of each trial, of each arm, or of the one run."""
        count = self.ablation.seeds if self.ablation else self.study.seeds_per_trial
        return tuple(range(self.study.seed, self.study.seed + count))

    @property
    def command(self) -> str:
        """The `mamlab` command that runs this spec."""
        return "ablate" if self.kind == "ablation" else self.kind

    @property
    def goes_seed_by_seed(self) -> bool:
        """Whether a trial trains its seeds one after another, so that a pruner can stop it in between."""
        return self.kind == "search" and self.pruner is not None and self.pruner.name == WILCOXON

    @property
    def tests(self) -> bool:
        """Whether complete runs are evaluated on the test tasks."""
        return self.study.test if self.kind == "search" else True

    @property
    def finalists(self) -> int:
        """How many of a search's best trials are ranked by held-out accuracy; 0 for methods other than MAML++."""
        return self.study.finalists if self.kind == "search" and self.method.is_mamlpp else 0

    @property
    def metric(self) -> Metric:
        """What decides, on validation data in a search, on test data in an ablation."""
        return self.method.metric

    def compute(self, config: Config, epochs: int | None = None) -> float:
        """Return the counted operations of `config`'s first `epochs` epochs (None: all); 1 is the base's whole
        training. NaN if the method counts none.
        """
        return self.method.flops(config, self.data, epochs) / self.method.flops(self.base, self.data)

    def fingerprint(self, config: Config, seed: int, data_checksum: str) -> str:
        """Return the identity of the training of `config` in this study."""
        return self.method.fingerprint(config, seed, data_checksum, self.trained_by)

    def preset_config(self, name: str) -> Config:
        """Return the preset `name` with what [trainer] and `space.fix` say."""
        assert self.space is not None
        return self.method.normalise(merge(self.method.preset(name, self.size), self.typed, self.space.fixed))[0]

    def beyond_max_compute(self, params: Mapping[str, Any]) -> str:
        """Return why a config, given as Optuna parameters, exceeds `space.max_compute`; empty if it does not."""
        assert self.space is not None
        most = self.space.max_compute
        if most is None or (found := self.compute(self.space.suggest(FixedParams(params), self.base_tree)[0])) <= most:
            return ""
        return (
            f"it needs {found:.3g} times the base's compute, but space.max_compute is {most:g}; raise that limit, or"
            " remove it"
        )

    @property
    def _nothing_enqueued(self) -> set[str]:
        """The key of [study] that is frozen as absent, because `[]` adds nothing."""
        return set() if self.study.enqueue else {"enqueue"}

    def frozen_part(self) -> Tree:
        """Return the part that may not change once the study has started, ready for JSON.

        It excludes [budget] and [execution], which may change, and arms and seeds, which may be added.
        """
        return {
            "kind": self.kind,
            "study": self.study.model_dump(mode="json", exclude_defaults=True, exclude=self._nothing_enqueued),
            "data": self.data.model_dump(mode="json"),
            "trainer": self.base.model_dump(mode="json", exclude={*self.method.machine}, exclude_defaults=True),
            "space": self.space.as_table() if self.space else None,
            "sampler": self.sampler.model_dump(mode="json") if self.sampler else None,
            "pruner": self.pruner.model_dump(mode="json") if self.pruner else None,
            **({"trained_by": self.trained_by} if self.trained_by else {}),
        }
