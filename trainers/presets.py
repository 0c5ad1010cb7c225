"""Named configs: MAML, first-order MAML, Meta-SGD and MAML++ as in the papers, and as in the released MAML++ code.

A preset is a nested dict of overrides on `TrainerConfig`'s defaults; `normalise` makes it a config. Positions in
time are shares of the run, so a preset keeps its shape at another length. Citations: HTYM is Antoniou, Edwards,
Storkey, "How to train your MAML" (ICLR 2019).
"""

from __future__ import annotations

from .error_messages import unknown
from .errors import InputError
from .overrides import Tree, merge

SIZES: dict[str, Tree] = {
    "omniglot": {
        "episodes": {"ways": 5, "shots": 1, "queries": 1, "tasks": 8},
        "model": {"filters": 64},
        "inner": {"steps": 5, "lr": 0.1},
        "budget": {"epochs": 100, "iterations": 500},
        "evaluation": {"val_tasks": 600, "test_tasks": 600, "top_k": 5},
    },
    "mini_imagenet": {
        "episodes": {"ways": 5, "shots": 1, "queries": 15, "tasks": 2},
        "model": {"filters": 48},
        "inner": {"steps": 5, "lr": 0.01},
        "budget": {"epochs": 100, "iterations": 500},
        "evaluation": {"val_tasks": 600, "test_tasks": 600, "top_k": 5},
    },
}
"""Sizes: "omniglot" for 28x28 images, "mini_imagenet" for 84x84; 5-way 1-shot."""

PRESETS: dict[str, str] = {
    "maml": "plain second-order MAML: every component off, as the baseline of HTYM",
    "fomaml": "first-order MAML: all epochs with first-order gradients",
    "meta_sgd": "Meta-SGD: a learned inner learning rate for each parameter, one inner step",
    "mamlpp": "MAML++ by the paper's protocol: all six components, 150 epochs x 500 iterations. Its per-step running "
    'statistics (BNRS) act only with norm.queries = "running"; with "batch", as published, they are dropped',
    "mamlpp_released": "MAML++ as its released configs really ran: no derivative-order annealing, short MSL, "
    "100 epochs, no cosine annealing on Mini-ImageNet",
}
"""Preset name -> description, for the command line."""

_PAPER: Tree = {
    "msl": {"schedule": "linear", "epochs": 0.1},
    "da": {"first_order_epochs": 50 / 150},
    "lslr": {"granularity": "per_layer_per_step"},
    "ca": {"min_lr": 1e-5, "period": 1.0},
    "bnrs": "on",
    "bnwb": "on",
    "outer": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.99},
    "budget": {"epochs": 150, "iterations": 500},
    "evaluation": {"top_k": 3},
}

_RELEASED: Tree = {
    "msl": {"schedule": "linear", "epochs": 0.1},
    "lslr": {"granularity": "per_layer_per_step"},
    "bnrs": "on",
    "bnwb": "on",
    "inner": {"lr": 0.1},
}

_OVERRIDES: dict[str, dict[str, Tree]] = {
    "maml": {},
    "fomaml": {"": {"da": {"first_order_epochs": 1.0}}},
    "meta_sgd": {"": {"lslr": {"granularity": "per_parameter"}, "inner": {"steps": 1}}},
    "mamlpp": {"": _PAPER, "omniglot": {"episodes": {"tasks": 16}}},
    "mamlpp_released": {
        "": _RELEASED,
        "omniglot": {"ca": {"min_lr": 1e-5, "period": 1.0}},
        "mini_imagenet": {"msl": {"epochs": 0.15}, "outer": {"clip": 10.0}},
    },
}
"""Preset name -> overrides at every size (""), then those of one size."""


def preset(name: str, size: str = "omniglot") -> Tree:
    """Return the overrides of the preset `name` at `size`, a new nested dict.

    The paper does not give MSL's length; the released configs' 10 of 100 epochs are used. Their inner learning rate is
    0.1 at both sizes, because their code does not read the key that says 0.01. Raises ValueError, naming the nearest
    name, for an unknown name or size.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise InputError(f'preset = "{name}": {unknown("preset", str(name), PRESETS)}')
    if not isinstance(size, str) or size not in SIZES:
        raise InputError(f'size = "{size}": {unknown("size", str(size), SIZES)}')
    overrides = _OVERRIDES[name]
    return merge(SIZES[size], overrides.get("", {}), overrides.get(size, {}))
