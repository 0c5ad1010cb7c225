"""Ready search spaces, by name. A spec file narrows, fixes or extends them."""

from __future__ import annotations

from collections.abc import Mapping

from trainers.error_messages import show, unknown
from trainers.errors import InputError
from trainers.known_method import MAMLPP as MAMLPP_METHOD
from trainers.known_method import KnownMethod

from .dimensions import Choice, Dimension, Range

_SWITCH = Choice(("on", "off"))

MAMLPP: dict[str, Dimension] = {
    "outer.lr": Range(1e-4, 1e-2, log=True),
    "inner.lr": Range(0.01, 1.0, log=True),
    "inner.steps": Range(1, 5),
    "msl": _SWITCH,
    "msl.schedule": Choice(("linear", "ema", "cosine", "constant")),
    "msl.epochs": Range(0.1, 1.0),
    "da": _SWITCH,
    "da.first_order_epochs": Range(0.1, 1.0),
    "lslr": _SWITCH,
    "lslr.granularity": Choice(("shared", "per_layer", "per_layer_per_step", "per_parameter")),
    "ca": _SWITCH,
    "ca.period": Range(0.25, 1.0),
    "ca.restart_decay": Range(0.5, 1.0),
    "bnwb": _SWITCH,
}
"""Every component on or off, with its main settings: inner steps and inner learning rate (LSLR's initial one), MSL's
schedule and length, DA's switch, LSLR's granularity, CA's period and restarts, the outer learning rate.
"""

COMPONENTS_ONLY: dict[str, Dimension] = dict.fromkeys(("msl", "da", "lslr", "ca", "bnwb"), _SWITCH)
"""Only the components' switches; everything else is as in the base."""

RATES: dict[str, Dimension] = {
    "outer.lr": Range(1e-4, 1e-2, log=True),
    "inner.lr": Range(0.01, 1.0, log=True),
}
"""The two learning rates."""

SPACES: dict[str, dict[str, Dimension]] = {"mamlpp": MAMLPP, "components": COMPONENTS_ONLY, "rates": RATES}


def space_preset(name: object, method: KnownMethod = MAMLPP_METHOD) -> Mapping[str, Dimension]:
    """Return the dimensions of the ready space `name`. Raises ValueError naming the nearest one."""
    spaces: Mapping[str, Mapping[str, Dimension]] = SPACES if method.is_mamlpp else method.spaces
    if not isinstance(name, str) or name not in spaces:
        known = unknown("space", str(name), spaces) if spaces else f"{method.name} has no ready space; leave it out"
        raise InputError(f"space.preset = {show(name)}: {known}")
    return spaces[name]
