"""The examples of methods keep the contract, and their spec files run."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from study.cli.main import run as mamlab
from study.python.result import open_study
from study.spec.parsing import load_spec
from study.stores.home import Home
from trainers.data import Glyphs
from trainers.find_method import also_from, find_method
from trainers.method_check import check_method

from .store_rows import fresh_home

EXAMPLES = Path(__file__).parents[2] / "examples" / "methods"


@pytest.fixture(autouse=True)
def _folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    also_from(EXAMPLES)


def test_the_scikit_learn_example_keeps_the_contract_without_torch(tmp_path: Path) -> None:
    method = find_method("sklearn_search:METHOD")
    found = list(check_method(method, {"epochs": 2}, method.load(None, tmp_path)))
    assert {one.name: one.text for one in found if one.holds is False} == {}
    assert "torch" not in (EXAMPLES / "sklearn_search.py").read_text().replace("without torch", "")


@pytest.mark.parametrize("name", sorted(spec.name for spec in EXAMPLES.glob("*.toml")))
def test_the_specs_of_the_examples_are_valid(name: str) -> None:
    assert load_spec(EXAMPLES / name).method.address.endswith(":METHOD")


@pytest.mark.slow
@pytest.mark.parametrize("use", ["", "prototypical:METHOD"])
def test_methods_on_images_keep_the_contract(use: str, tmp_path: Path) -> None:
    method = find_method(use)
    assert {one.holds for one in check_method(method, {}, method.load(Glyphs(), tmp_path))} == {True}


@pytest.mark.slow
def test_the_scikit_learn_example_is_searched_and_ablated(tmp_path: Path) -> None:
    home: Home = fresh_home(tmp_path)
    for command, name in (("search", "sklearn_search"), ("ablate", "sklearn_ablation")):
        shutil.copy(EXAMPLES / f"{name}.toml", tmp_path)
        shutil.copy(EXAMPLES / "sklearn_search.py", tmp_path)
        assert mamlab([command, str(tmp_path / f"{name}.toml"), "--home", str(home.root)]) == 0
    verdicts = open_study("digits-ablation", home=home).comparisons.set_index("arm")["verdict"]
    assert verdicts["Pipeline without scale"] != ""
    assert open_study("digits-search", home=home).trials["val_accuracy"].max() > 0.95


def test_the_space_of_another_method_is_shown_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = str(EXAMPLES / "sklearn_search.toml")
    assert mamlab(["space", "show", spec]) == 0
    assert "neighbours" in capsys.readouterr().out
    assert mamlab(["space", "check", spec, "--home", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "digits-search: all 200 random configs can be trained" in shown
    assert "Compute" not in shown
    assert mamlab(["space", "check", spec, "--json", "--home", str(tmp_path)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["configs"], facts["compute_low"], facts["data"]) == (200, None, None)
