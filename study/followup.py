"""Follow-up studies of a search, as spec files: its best trials on fresh seeds, and the ablation of its winner.

A search's best validation accuracy is biased upward, because the trial was selected by it. So a follow-up trains on
seeds that the search has not used. Its spec records the search, the trials and their scores, and the report shows both.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports import records as names
from reports.data.files import STUDY, is_export
from reports.data.loading import from_files
from reports.statistics.declared_test import HOPELESS, declared_test, large_effect_power, seeds_needed
from reports.statistics.summary import summarise_search
from reports.statistics.trial import Trial
from trainers.data import ImageFolder
from trainers.errors import InputError
from trainers.method import Config
from trainers.overrides import Tree

from .models.export import called
from .results import load, warnings
from .spec.config import StudyConfig
from .spec.method_section import method_of
from .spec.same_data import checksum_of, recorded_path, with_same_data
from .spec.trainable import started_from
from .spec.trained_by import refuse_other_trainer
from .spec.writing import base_tables, difference, stored_spec, write_spec
from .stores.connect import open_mlflow
from .stores.home import Home

LEAVE_ONE_OUT = "leave one out"
AGAINST_BASE = "against the base"


class FollowError(InputError):
    """The study cannot be followed up; the message says why and what to do."""


@dataclass(frozen=True)
class Winner:
    """A complete trial of a search and the config that it trained."""

    trial: Trial
    config: Config
    rank: int | None = None
    """Its rank, if the search ranked its best trials by held-out accuracy."""

    @property
    def arm(self) -> str:
        """Its name as an arm."""
        return f"trial {self.trial.number}"

    @property
    def origin(self) -> Tree:
        """Its entry in [ablation.origin.trials]."""
        rank = {} if self.rank is None else {"rank": self.rank}
        score = round(self.trial.value.mean, 6)
        return {"number": self.trial.number, "score": score, "seeds": self.trial.value.n, **rank}


@dataclass(frozen=True)
class Searched:
    """A search: its spec, and its complete trials, best first, without duplicate configs."""

    name: str
    spec: StudyConfig
    """With the current folder of its data."""
    winners: tuple[Winner, ...]
    data_checksum: str = ""
    """Of the data that its trials were trained on; "" if unknown."""
    notes: tuple[str, ...] = ()
    """Notes for the user: missing runs, a renamed experiment."""

    @property
    def fresh_seed(self) -> int:
        """The first seed that the search has not used."""
        return max(self.spec.seeds) + 1

    def winner(self, trial: int | None = None) -> Winner:
        """Return the best trial, or the one with that number. Raises FollowError."""
        numbers = [winner.trial.number for winner in self.winners]
        if trial is not None and trial not in numbers:
            known = ", ".join(str(number) for number in sorted(n for n in numbers if n is not None))
            raise FollowError(f'--trial {trial}: no complete trial of "{self.name}"; there are {known}')
        return self.winners[0 if trial is None else numbers.index(trial)]


def read_search(study: str, home: Home, data: Path | None = None) -> Searched:
    """Return the search with that name, or of the report in that folder; `data` is its data folder, if it was moved.

    Raises FollowError if it is not a search or has no complete trial, ReportError if there is no such study, DataError
    if its data is not found.
    """
    folder = Path(study)
    published = is_export(folder)
    info, records = from_files(folder) if published else load(study, home)
    if info.kind != names.SEARCH:
        raise FollowError(
            f'"{study}" is {called(info.kind)}, not a search; name a search (`mamlab status` lists the studies)'
        )
    method = method_of(info.spec)
    refuse_other_trainer(info.name, info.trained_by, "promote and ablate --from", method)
    found = summarise_search(records, info)
    complete = found.complete
    if not complete:
        raise FollowError(
            f'the search "{study}" has no complete trial yet; run it first. Its progress: '
            f"{home.command('status', study)}"
        )
    if not info.spec:
        raise FollowError(
            f"{folder} has no {STUDY}, which describes the search; give the complete folder of the report"
        )
    winners = list[Winner]()
    for trial in complete:
        config = method.from_settings(trial.records[0].params)
        if not any(method.same_training(winner.config, config) for winner in winners):
            winners.append(Winner(trial, config, len(winners) + 1 if found.finalists else None))
    spec, checksum = stored_spec(info.spec, info.name), checksum_of(complete[0].records)
    if (
        isinstance(spec.data, ImageFolder) or data is not None
    ):  # others lie in the home, and the start compares checksums
        recorded = "" if published else recorded_path(open_mlflow(home), info.experiment_id)
        spec, _ = with_same_data(spec, checksum, home, recorded=recorded, given=data)
    return Searched(info.name, spec, tuple(winners), checksum, warnings(info))


def promote(
    search: Searched, home: Home, best: int, seeds: int, name: str | None, equal_compute: bool = False
) -> tuple[Path, StudyConfig]:
    """Write the spec that retrains the `best` trials of a search and its base config on `seeds` fresh seeds.

    With `equal_compute`, the base trains more iterations, to use as much compute as the most expensive of these trials.
    Returns file and study. Raises FollowError, ValueError if another spec file of that name exists.
    """
    base = _base_name(search.spec) + (", longer" if equal_compute else "")
    method = search.spec.method
    chosen = [winner for winner in search.winners if not method.same_training(winner.config, search.spec.base)][:best]
    if not chosen:
        raise FollowError(f'the best trial of "{search.name}" is its base config, so there is nothing to compare')
    trainer, named = started_from(search.spec), f"{base}, the search's base config."
    if equal_compute and not method.is_mamlpp:
        raise FollowError(
            f"--equal-compute: only MAML++'s budget has iterations, not that of {method.name}; leave it out"
        )
    if equal_compute:
        trainer, before = _longer(search.spec, chosen), trainer.budget.iterations
        named = (
            f"{base}, which trains {trainer.budget.iterations} iterations per epoch instead of {before}, so that it "
            "takes as much compute as the most expensive trial."
        )
    arms: list[Tree] = [
        {"name": base},
        *({"name": w.arm, "set": difference(trainer, w.config, method)} for w in chosen),
    ]
    comment = (
        f'The best {len(chosen)} of {len(search.winners)} complete trials of the search "{search.name}", retrained on '
        "seeds that the "
        f"search has not used, and tested.\nCompared with {named}"
    )
    chosen_name = name or f"{search.name}-promoted" + ("-equal-compute" if equal_compute else "")
    return _write(search, home, chosen_name, trainer, chosen, seeds, base, arms, comment)


def ablate_winner(
    search: Searched, home: Home, trial: int | None, seeds: int | None, name: str | None
) -> tuple[Path, StudyConfig]:
    """Write the spec that leaves out each component of the winner in turn, on fresh seeds; return file and study.

    Default `seeds`: enough for 80 % power to detect a large effect. Raises FollowError if no component is on.
    """
    winner, method = search.winner(trial), search.spec.method
    on = [component for component in method.components if getattr(winner.config, component) != "off"]
    if not on:
        raise FollowError(
            f'{winner.arm} of "{search.name}" has no component switched on, so there is nothing to leave out; choose '
            "another trial with --trial"
        )
    without: list[Tree] = [{"name": f"{winner.arm} without {method.title(part)}", "set": {part: "off"}} for part in on]
    arms: list[Tree] = [{"name": winner.arm}, *without]
    comment = (
        f'What each component adds to {winner.arm} of the search "{search.name}": each is left out in turn.\n'
        "Trained on seeds that the search has not used."
    )
    chosen_name = name or f"{search.name}-ablated" + ("" if trial is None else f"-{trial}")
    count = seeds or seeds_needed(len(on))
    return _write(search, home, chosen_name, winner.config, [winner], count, winner.arm, arms, comment)


def _write(
    search: Searched, home: Home, name: str, trainer: Config, chosen: Sequence[Winner], seeds: int, base: str,
    arms: list[Tree], comment: str,
) -> tuple[Path, StudyConfig]:  # fmt: skip
    tables = base_tables(search.spec, trainer, name, search.fresh_seed)
    family = LEAVE_ONE_OUT if len(chosen) == 1 and chosen[0].arm == base else AGAINST_BASE
    ablation: dict[str, Any] = {"design": "arms", "seeds": seeds, "base": base}
    if large_effect_power(declared_test(len(arms) - 1, seeds)) < HOPELESS:  # fewer seeds were asked for
        ablation["allow_underpowered"] = True
        comment += f"\n{seeds} seeds are too few: most studies would miss even a large effect. Read the intervals."
    ablation |= {
        "arms": arms, "families": [{"name": family, "base": base}],
        "origin": {
            "search": search.name, "trials": {winner.arm: winner.origin for winner in chosen},
            **({"data_checksum": search.data_checksum} if search.data_checksum else {}),
        },
    }  # fmt: skip
    file, found = write_spec(home, {**tables, "ablation": ablation}, comment)
    for winner in chosen:
        assert found.method.same_training(found.arms[winner.arm][0], winner.config), winner.arm
    return file, found


def _longer(spec: StudyConfig, winners: Sequence[Winner]) -> Config:
    """Return the base with enough iterations per epoch to match the compute of the most expensive winner."""
    base, iterations = started_from(spec), spec.base.budget.iterations

    def trained(count: int) -> Config:
        return base.model_copy(update={"budget": base.budget.model_copy(update={"iterations": count})})

    missing = max(spec.compute(winner.config) for winner in winners) - spec.compute(base)
    of_one = (spec.compute(trained(2 * iterations)) - spec.compute(base)) / iterations
    return trained(iterations + max(0, math.ceil(missing / of_one)))


def _base_name(spec: StudyConfig) -> str:
    """Return the base's name as an arm: the preset that the search's spec starts from."""
    usual = "mamlpp" if spec.method.is_mamlpp else spec.method.name
    return f"base ({tomllib.loads(spec.spec_text).get('trainer', {}).get('preset', usual)})"
