"""`mamlab plan`: a study's cost and statistical power, before it runs."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import tomli_w

from reports.records import Family
from reports.statistics.declared_test import (
    HOPELESS,
    DeclaredTest,
    declared_test,
    large_effect_power,
    looks_until,
    seeds_needed,
)
from reports.statistics.permutation import smallest_p
from reports.statistics.power import declared_detectable, t_detectable
from trainers.arithmetic import pick_device
from trainers.checkpoint import CheckpointFolder
from trainers.config import TrainerConfig
from trainers.data.classes import ClassData

from ..spec.config import SpecError, StudyConfig
from ..spec.families import declared_tests
from ..spec.parsing import parse_spec
from ..stores.home import Home
from .ended import ended_cells
from .noise import UNKNOWN, Noise
from .pilot import Pilot

SAMPLED = 4
"""Number of sampled configs that represent a search's cost."""
SMALLER = ("leave_one_out", "add_one_in")
"""Smaller designs to propose if the spec's own does not fit the budget, in this order."""


@dataclass(frozen=True)
class FamilyPlan:
    """A family with the smallest p it can reach, the share of studies that find a large effect (2 standard deviations
    of a paired difference), the seeds that find it in 80 %, and the differences that are found in 80 % of studies.

    `size` counts the comparisons that are adjusted together. `detectable` is found by the declared test, `t_detectable`
    has an interval without 0; None if no difference can be found. Both as an accuracy in [0, 1], or, where the plan
    knows nothing of the noise, in standard deviations of a seed's paired difference.
    """

    name: str
    size: int
    smallest_p: float
    power: float
    seeds_needed: int
    detectable: float | None
    t_detectable: float | None

    @property
    def hopeless(self) -> bool:
        """Whether most studies would miss even a large effect."""
        return self.power < HOPELESS


@dataclass(frozen=True)
class Proposal:
    """A design that fits a budget: hours of wall time, and its families with as many seeds."""

    design: str
    arms: int
    seeds: int
    hours: float
    families: tuple[FamilyPlan, ...]

    @property
    def works(self) -> bool:
        """Whether every family would detect a large effect in most studies."""
        return self.seeds > 0 and not any(family.hopeless for family in self.families)


@dataclass(frozen=True)
class StudyPlan:
    """Numbers of a study before it runs; times in seconds on this machine, `wall` with all workers at work."""

    study: str
    kind: str
    arms: int
    seeds: int
    cells: int
    trained: int
    a_run: float
    wall: float
    workers: int
    disk: int
    pilot: str
    families: tuple[FamilyPlan, ...]
    noise: Noise | None
    budget_hours: float | None = None
    fitting_runs: int | None = None
    proposals: tuple[Proposal, ...] = ()
    across: str = ""
    """The setting that the design is repeated across; empty for none."""
    tried_first: tuple[str, ...] = ()
    """Names of the configs that a search tries first."""


def make_plan(
    config: StudyConfig,
    home: Home,
    data: ClassData,
    workers: int,
    noise: Noise | None,
    budget_hours: float | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> StudyPlan:
    """Return the plan, measuring costs; nothing is written to `home`. `tell` reports each measurement."""
    pilot = Pilot(data, pick_device(config.base).type == "cuda")
    configs = _configs(config)
    total = pilot.measurements(configs.values())
    pilot.tell = lambda number: tell(f"Measuring {number} of {max(number, total)}")
    seconds = {name: pilot.run_seconds(one, config.tests) for name, one in configs.items()}
    disk = {name: pilot.kept_bytes(one, config.execution.keep) for name, one in configs.items()}
    seeds = len(config.seeds)
    done = ended_cells(home, config.study.name)
    if config.kind == "search":
        cells = (config.budget.trials or 0) * seeds
        trained = min(cells, len(done))
        left = (cells - trained) * math.fsum(seconds.values()) / len(seconds)
        kept = (cells - trained) * sum(disk.values()) // len(disk)
    else:
        cells = len(configs) * seeds
        missing = [
            name
            for name, one in configs.items()
            for seed in config.seeds
            if (cell := config.fingerprint(one, seed, data.checksum)) not in done and not _finished(home, cell)
        ]
        trained, left = cells - len(missing), math.fsum(seconds[name] for name in missing)
        kept = sum(disk[name] for name in missing)
    how = (
        f"{pilot.classes} kinds of training that differ in cost, each timed with {pilot.timed} "
        "after a warm-up, "
        f"one after another with {config.execution.threads} thread{'s' * (config.execution.threads > 1)}, "
        f"{pilot.seconds:.0f} s"
    )
    a_run = math.fsum(seconds.values()) / len(seconds)
    fitting = int(3600 * budget_hours * workers / a_run) if budget_hours else None
    proposals = (
        _proposals(config, pilot, workers, budget_hours, noise) if budget_hours and config.kind == "ablation" else ()
    )
    return StudyPlan(
        config.study.name, config.kind, len(config.arms), seeds, cells, trained, a_run,
        left / workers, workers, kept, how, family_plans(config.families, declared_tests(config), noise), noise,
        budget_hours, fitting, proposals, config.across.path if config.across else "",
        (*config.enqueued,),
    )  # fmt: skip


def family_plans(
    families: Sequence[Family], tests: Mapping[str, DeclaredTest], noise: Noise | None
) -> tuple[FamilyPlan, ...]:
    """Return what each family can reach with its declared test."""
    bases = {family.name: family.comparisons[0][1] for family in families if family.comparisons}
    return tuple(_family_plan(name, tests[name], base, noise) for name, base in bases.items())


def _family_plan(name: str, test: DeclaredTest, base: str, noise: Noise | None) -> FamilyPlan:
    model, seeds = noise.against(base) if noise else UNKNOWN, test.seeds
    return FamilyPlan(
        name, test.size, smallest_p(seeds), large_effect_power(test),
        seeds_needed(test.size, test.moderated, looks=test.planned),
        declared_detectable(model, test), t_detectable(model, seeds),
    )  # fmt: skip


def _finished(home: Home, cell: str) -> bool:
    return CheckpointFolder(home.checkpoints / cell).finished


def _configs(config: StudyConfig) -> dict[str, TrainerConfig]:
    """Return the arms' configs, the one training's, or some that the search could sample."""
    if config.space is None:
        return {name: one for name, (one, _) in config.arms.items()} or {"": config.base}
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampled = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=config.study.seed))
    return {str(n): config.space.suggest(sampled.ask(), config.base_tree)[0] for n in range(SAMPLED)}


def _proposals(
    config: StudyConfig, pilot: Pilot, workers: int, hours: float, noise: Noise | None
) -> tuple[Proposal, ...]:
    """Return the spec's design with the seeds that fit, then smaller designs until one has the power."""
    found: list[Proposal] = []
    for design, other in _designs(config):
        block = math.fsum(pilot.run_seconds(one, config.tests) for one, _ in other.arms.values()) / workers
        seeds = int(hours * 3600 / block)
        tests = declared_tests(other)
        needed = (seeds_needed(test.size, test.moderated, looks=test.planned) for test in tests.values())
        enough = max(needed, default=1)
        seeds = min(seeds, max(enough, len(config.seeds)))  # more are for the user to ask for
        planned = {
            name: declared_test(test.size, max(1, seeds), looks_until(test.planned, seeds), test.moderated)
            for name, test in tests.items()
        }
        families = family_plans(other.families, planned, noise)
        found.append(Proposal(design, len(other.arms), seeds, seeds * block / 3600, families))
        if found[-1].works:
            break
    return tuple(found)


def _designs(config: StudyConfig) -> list[tuple[str, StudyConfig]]:
    """Return the spec as it is, then with fewer arms: half of "both", or the arms of a factorial that leave one out."""
    assert config.ablation is not None
    own = (config.ablation.design, config)
    if config.ablation.design not in ("both", "factorial") or config.ablation.families:
        return [own]
    found: list[tuple[str, StudyConfig]] = [own]
    for design in SMALLER:
        tree = tomllib.loads(config.spec_text)
        tree["ablation"]["design"] = design
        with suppress(SpecError):  # its base is an arm of the larger design alone
            found.append((design, parse_spec(tomli_w.dumps(tree))))
    return found
