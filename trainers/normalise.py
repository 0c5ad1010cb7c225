"""What has no effect in a config, what is left without it, and the identity of a training.

`normalise` turns overrides (a preset, an arm, a sample) into a `TrainerConfig` and says what it dropped.
`cell_id` names one training: same id, same numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from .config import CA, DA, LSLR, MSL, TrainerConfig, resolve
from .mamlpp.schedules import outer_lr
from .messages import explain

NUMERICS = 1
"""Raised when float64 results of this package change by more than 1e-9: old cells then count as untrained."""

POSITIONS = ("msl.epochs", "da.first_order_epochs", "ca.period")
"""Positions in time; ten epochs and a tenth of a hundred epochs are the same training."""

COMPONENTS = ("msl", "da", "lslr", "ca", "bnwb", "bnrs")
"""What can be on or off, in the order of the paper's table."""

MACHINE = {"device", "tasks_at_once", "compile"}
"""Settings of where and how fast, which change no number."""

Tree = dict[str, Any]


@dataclass(frozen=True)
class Inert:
    """A setting without effect: its dotted `path`, why, and the `value` that means the same."""

    path: str
    reason: str
    value: Any

    @property
    def message(self) -> str:
        """The refusal that a user who typed the setting reads."""
        return f"{self.path} has no effect: {self.reason}. Leave it out, or change what disables it"


def inert_settings(config: TrainerConfig) -> list[Inert]:
    """List the settings of `config` that are not at their neutral value and yet change no number.

    The rules are those of the mathematics: with one inner step there is nothing to weigh over steps
    (MSL) and no step axis (LSLR, BNWB); running statistics that no query is normalised with (BNRS).
    """
    found = [*_inert_steps(config), *_inert_norm(config), *_inert_in_time(config)]
    if config.inner.evaluation_steps == config.inner.steps:
        found.append(Inert("inner.evaluation_steps", "it equals inner.steps, which is its default", None))
    return found


def _inert_steps(config: TrainerConfig) -> Iterable[Inert]:
    if config.inner.steps == 1:
        why = "inner.steps = 1 leaves no step axis"
        if config.msl != "off":
            yield Inert("msl", why, "off")
        if isinstance(config.lslr, LSLR) and config.lslr.granularity == "per_layer_per_step":
            yield Inert("lslr.granularity", why + ", so per_layer_per_step is per_layer", "per_layer")
        if config.bnwb == "on":
            yield Inert("bnwb", why, "off")
        if config.bnrs == "on":
            yield Inert("bnrs", why, "off")
    if isinstance(config.msl, MSL) and config.msl.schedule != "ema" and config.msl.tau != MSL().tau:
        yield Inert("msl.tau", 'only msl.schedule = "ema" uses it', MSL().tau)


def _inert_norm(config: TrainerConfig) -> Iterable[Inert]:
    if config.norm.queries == "batch":
        why = 'norm.queries = "batch" normalises with the batch, so running statistics reach no prediction'
        if config.bnrs == "on" and config.inner.steps > 1:
            yield Inert("bnrs", why, "off")
        if config.norm.momentum != type(config.norm)().momentum:
            yield Inert("norm.momentum", why, type(config.norm)().momentum)


def _inert_in_time(config: TrainerConfig) -> Iterable[Inert]:
    epochs = config.budget.epochs
    if isinstance(config.msl, MSL) and resolve(config.msl.epochs, epochs) == 0 and config.inner.steps > 1:
        yield Inert("msl", "msl.epochs is 0 epochs of this run", "off")
    if isinstance(config.da, DA) and resolve(config.da.first_order_epochs, epochs) == 0:
        yield Inert("da", "da.first_order_epochs is 0 epochs of this run", "off")
    if isinstance(config.ca, CA):
        if all(outer_lr(config, epoch) == config.outer.lr for epoch in range(epochs)):
            yield Inert("ca", "the outer rate is outer.lr in every epoch of this run", "off")
        elif resolve(config.ca.period, epochs) >= epochs:
            why = "ca.period is not shorter than the run, so there is no restart"
            if config.ca.period_mult != 1:
                yield Inert("ca.period_mult", why, 1)
            if config.ca.restart_decay != 1:
                yield Inert("ca.restart_decay", why, 1.0)


def merge(base: Mapping[str, Any], *overrides: Mapping[str, Any]) -> Tree:
    """Return `base` with `overrides` laid over it; keys are nested tables or dotted paths, later ones win.

    A component that is "off" or "on" below becomes a table when an override sets one of its settings.
    """
    tree: Tree = {}
    for layer in (base, *overrides):
        for key, value in layer.items():
            head, _, rest = key.partition(".")
            if rest or isinstance(value, Mapping):
                below = tree.get(head)
                inside = {rest: value} if rest else value
                tree[head] = merge(below if isinstance(below, dict) else {}, inside)
            else:
                tree[head] = value
    return tree


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of `tree` by dotted path."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def normalise(
    tree: Mapping[str, Any], typed: Mapping[str, Any] | None = None
) -> tuple[TrainerConfig, tuple[Inert, ...]]:
    """Return the config that `tree` describes, without its inert settings, and what was dropped.

    `typed` holds the settings that a user wrote with their own hands (a part of `tree`): one of these
    that is inert raises ValueError. Raises `pydantic.ValidationError` for anything else that is wrong.
    """
    dropped: list[Inert] = []
    while True:
        config = TrainerConfig.model_validate(tree, context={"keep_inert": True})
        found = inert_settings(config)
        if not found:
            return config, tuple(dropped)
        for inert in typed_among(found, typed or {}):
            raise ValueError(inert.message)
        tree = merge(config.model_dump(), {inert.path: inert.value for inert in found})
        dropped += found


def typed_among(found: Iterable[Inert], typed: Mapping[str, Any]) -> list[Inert]:
    """Return those of the inert settings that a user typed, themselves or a setting of the inert component."""
    written = [path for path, value in flatten(merge(typed)).items() if value != "off"]
    return [inert for inert in found if any(f"{path}.".startswith(f"{inert.path}.") for path in written)]


def settings(config: TrainerConfig) -> dict[str, Any]:
    """Return every setting of `config` by dotted path: the flat parameters of a run's record.

    A component that is on stands there as "on", beside its own settings.
    """
    tree = config.model_dump()
    return {name: "on" for name in COMPONENTS if isinstance(tree[name], dict)} | flatten(tree)


def from_settings(recorded: Mapping[str, str]) -> TrainerConfig:
    """Return the config whose `settings` were recorded as text, such as a run's parameters in MLflow or in a report.

    Raises ValueError for settings that this version does not have.
    """
    ordered = {path: read_value(recorded[path]) for path in sorted(recorded)}  # "msl" before "msl.epochs"
    try:
        return normalise(merge(ordered))[0]
    except ValidationError as error:
        raise ValueError(f"a recorded run has settings of another version: {explain(error, TrainerConfig)}") from None


def read_value(text: str) -> Any:
    """Return the number, truth value, None or word that `text` says."""
    text = text.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None if text == "None" else text


def same_training(one: TrainerConfig, other: TrainerConfig) -> bool:
    """Whether two configs train the same on any data and seed, however their positions in time are written."""
    return cell_id(one, 0, "") == cell_id(other, 0, "")


def cell_id(config: TrainerConfig, seed: int, data_checksum: str) -> str:
    """Return the identity of one training: 64 hexadecimal digits.

    SHA-256 of the settings that differ from their defaults, the seed, the data's checksum and `NUMERICS`.
    What `MACHINE` names is no part of it.
    """
    tree = config.model_dump(exclude_defaults=True, exclude=MACHINE)
    for path in POSITIONS:
        component, _, name = path.partition(".")
        if component in tree:
            tree[component][name] = resolve(getattr(getattr(config, component), name), config.budget.epochs)
    identity = {"config": tree, "seed": seed, "data": data_checksum, "numerics": NUMERICS}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
