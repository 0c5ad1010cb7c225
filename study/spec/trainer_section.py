"""[trainer]: a preset with the settings that are laid over it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from trainers.config import TrainerConfig
from trainers.error_messages import explain
from trainers.errors import InputError
from trainers.inert import Inert
from trainers.overrides import Tree, merge, normalise
from trainers.presets import preset


@dataclass(frozen=True)
class Trainer:
    """[trainer], read: what was typed, the overrides with those of its preset, the config that they make."""

    typed: Tree
    tree: Tree
    config: TrainerConfig
    dropped: tuple[Inert, ...]
    size: str


def read_trainer(spec: Tree) -> Trainer:
    """Return the preset with the settings of [trainer] laid over it; the size comes from the data's, if not given."""
    typed = merge({}, spec.get("trainer", {}))
    source = spec.get("data", {}).get("source") if isinstance(spec.get("data"), dict) else None
    size = typed.pop("size", "omniglot" if source in ("omniglot", "glyphs") else "mini_imagenet")
    try:
        tree = merge(preset(typed.pop("preset", "mamlpp"), size=size), typed)
        # In a search, what is sampled can give a typed setting its effect: `_search` checks that.
        config, dropped = normalise(tree, typed={} if "space" in spec else typed)
    except ValidationError as error:
        raise InputError(explain(error, TrainerConfig, "trainer")) from None
    except InputError as error:
        raise InputError(f"trainer.{error}") from None
    return Trainer(typed, tree, config, dropped, size)
