"""Rules that find settings without effect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .mamlpp.schedules import outer_lr
from .sections import CA, DA, LSLR, MSL, Settings, resolve

CONDITIONAL = frozenset(
    {
        "msl", "msl.tau", "da", "lslr.granularity", "ca", "ca.period_mult", "ca.restart_decay", "bnwb", "bnrs",
        "norm.momentum", "inner.evaluation_steps",
    }
)  # fmt: skip
"""The settings that a rule below can find without effect."""


@dataclass(frozen=True)
class Inert:
    """A setting without effect: its dotted `path`, the reason, and the `value` that is equivalent."""

    path: str
    reason: str
    value: Any

    @property
    def message(self) -> str:
        """The refusal that a user who typed the setting reads."""
        return f"{self.path} has no effect: {self.reason}. Leave it out, or change what disables it"


def inert_settings(config: Settings) -> list[Inert]:
    """List the settings of `config` that are not at their neutral value but change no number.

    For example, with one inner step there are no steps to weight (MSL) and no step axis (LSLR, BNWB), and BNRS has no
    effect if no query is normalised with running statistics.
    """
    found = [*_inert_steps(config), *_inert_norm(config), *_inert_in_time(config)]
    if config.inner.evaluation_steps == config.inner.steps:
        found.append(Inert("inner.evaluation_steps", "it equals inner.steps, which is its default", None))
    return found


def _inert_steps(config: Settings) -> Iterable[Inert]:
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


def _inert_norm(config: Settings) -> Iterable[Inert]:
    if config.norm.queries == "batch":
        why = 'norm.queries = "batch" normalises with the batch, so running statistics reach no prediction'
        if config.bnrs == "on" and config.inner.steps > 1:
            yield Inert("bnrs", why, "off")
        if config.norm.momentum != type(config.norm)().momentum:
            yield Inert("norm.momentum", why, type(config.norm)().momentum)


def _inert_in_time(config: Settings) -> Iterable[Inert]:
    epochs = config.budget.epochs
    if isinstance(config.msl, MSL) and resolve(config.msl.epochs, epochs) == 0 and config.inner.steps > 1:
        yield Inert("msl", "msl.epochs is 0 epochs of this run", "off")
    if isinstance(config.da, DA) and resolve(config.da.first_order_epochs, epochs) == 0:
        yield Inert("da", "da.first_order_epochs is 0 epochs of this run", "off")
    if isinstance(config.ca, CA):
        if all(outer_lr(config, epoch) == config.outer.lr for epoch in range(epochs)):
            yield Inert("ca", "the outer learning rate is outer.lr in every epoch of this run", "off")
        elif resolve(config.ca.period, epochs) >= epochs:
            why = "ca.period is not shorter than the run, so there is no restart"
            if config.ca.period_mult != 1:
                yield Inert("ca.period_mult", why, 1)
            if config.ca.restart_decay != 1:
                yield Inert("ca.restart_decay", why, 1.0)
