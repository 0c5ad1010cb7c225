"""What sets a run apart from the study's base config, as a tag that the MLflow UI shows in a column."""

from __future__ import annotations

from trainers.known_method import KnownMethod
from trainers.method import Config

from .facts import sentence

TAG = "differs"
BASE = "the base config"


def differs(config: Config, base: Config, method: KnownMethod) -> str:
    """Return the settings in which `config` differs from `base`: "ca = off, inner.lr = 0.2"; what is gone with its
    component is not named.
    """
    ours, theirs = method.settings(config), method.settings(base)
    paths = [path for path in ours if ours[path] != theirs.get(path) and path not in method.machine]
    return sentence(", ".join(f"{path} = {ours[path]}" for path in paths)) or BASE
