"""Every field of every preset reaches the config that the trainer receives."""

from typing import Any

import pytest

from trainers.overrides import flatten, merge, normalise, settings
from trainers.presets import PRESETS, SIZES, preset
from trainers.sections import resolve

ALL = [(name, size) for name in PRESETS for size in SIZES]
FIELDS = [(name, size, path, value) for name, size in ALL for path, value in flatten(preset(name, size)).items()]


@pytest.mark.parametrize(("name", "size", "path", "value"), FIELDS)
def test_every_field_of_every_preset_reaches_the_config(name: str, size: str, path: str, value: Any) -> None:
    config, _ = normalise(merge(preset(name, size), {"norm.queries": "running"}))
    assert settings(config)[path] == value


@pytest.mark.parametrize(("name", "size"), ALL)
def test_only_bnrs_is_inert_in_a_preset(name: str, size: str) -> None:
    _, dropped = normalise(preset(name, size))
    assert [inert.path for inert in dropped] == (["bnrs"] if "mamlpp" in name else [])


def test_mamlpp_is_the_papers_protocol() -> None:
    config, _ = normalise(preset("mamlpp"))
    got = settings(config)
    paper = {
        "budget.epochs": 150, "budget.iterations": 500, "episodes.tasks": 16, "outer.lr": 1e-3, "outer.beta1": 0.9,
        "outer.beta2": 0.99, "ca.min_lr": 1e-5, "inner.steps": 5, "inner.lr": 0.1, "model.filters": 64,
        "lslr.granularity": "per_layer_per_step", "evaluation.top_k": 3,
    }  # fmt: skip
    assert {path: got[path] for path in paper} == paper
    assert resolve(got["da.first_order_epochs"], 150) == 50


def test_released_configs_never_anneal_the_order_and_run_100_epochs() -> None:
    omniglot, mini = (normalise(preset("mamlpp_released", size))[0] for size in SIZES)
    assert omniglot.da == mini.da == "off"
    assert omniglot.budget.epochs == mini.budget.epochs == 100
    assert (omniglot.ca != "off", mini.ca) == (True, "off")
    assert omniglot.inner.lr == mini.inner.lr == 0.1
    assert [resolve(settings(c)["msl.epochs"], 100) for c in (omniglot, mini)] == [10, 15]


def test_presets_keep_their_shape_at_another_length() -> None:
    config, _ = normalise(merge(preset("mamlpp"), {"budget.epochs": 30}))
    assert resolve(settings(config)["da.first_order_epochs"], 30) == 10


def test_changing_what_preset_returned_leaves_the_next_one_alone() -> None:
    preset("mamlpp")["msl"]["epochs"] = 0.9
    assert preset("mamlpp")["msl"]["epochs"] == 0.1


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match='preset = "mamlp": unknown preset; did you mean mamlpp'):
        preset("mamlp")
    with pytest.raises(ValueError, match='size = "imagenet": unknown size; did you mean mini_imagenet'):
        preset("maml", size="imagenet")
