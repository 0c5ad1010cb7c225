"""`mamlab space show` and `mamlab space check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from study.cli.main import run

SPEC = """
[study]
name = "narrow"
[data]
source = "glyphs"
[budget]
trials = 5
[space]
preset = "mamlpp"
max_compute = 1.5
"inner.steps" = { low = 1, high = 3 }
"inner.lr" = { low = 0.2, high = 0.5, log = true }
"msl.tau" = { low = 0.2, high = 0.8, step = 0.2 }
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "narrow.toml"
    path.write_text(SPEC)
    return path


@pytest.mark.parametrize("columns", [80, pytest.param(200, marks=pytest.mark.slow)])
def test_show_has_every_parameter_with_its_range_and_when_it_has_no_effect(
    spec: Path, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run(["space", "show", str(spec)]) == 0
    text = capsys.readouterr().out
    assert "15 parameters, 5 trials, 1 seed per trial, sampler tpe, pruner successive_halving" in " ".join(text.split())
    assert "0.2 to 0.5, log" in text
    assert 'only msl.schedule = "ema" uses it' in " ".join(text.split())
    assert (
        "Preset maml is not in the space: inner.steps = 5 is outside 1 to 3; inner.lr = 0.1 is outside 0.2 to 0.5"
        in " ".join(text.split())
    )
    assert max(map(len, text.splitlines())) <= max(columns, 100)  # in a file at least 100


def test_show_as_json_says_how_each_parameter_is_drawn(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["space", "show", str(spec), "--json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["parameters"]}
    assert found["inner.lr"] == {
        "name": "inner.lr", "part": "inner loop", "kind": "float", "range": "0.2 to 0.5, log", "log": True,
        "no_effect_if": [], "presets": [],
    }  # fmt: skip
    assert found["msl"]["kind"] == "switch"
    assert found["inner.steps"]["kind"] == "integer"
    assert found["inner.steps"]["presets"] == ["meta_sgd"]  # the others take 5 steps


def test_check_counts_what_random_configs_cost_and_what_has_no_effect_in_them(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["space", "check", str(spec), "--home", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["configs"], found["different"]) == (200, 200)
    assert 0 < found["compute_low"] < found["compute_median"] < found["compute_high"] < 1  # the base takes 5 steps
    assert found["within_max_compute"] == 200
    assert found["tried_first"] == ["portfolio 1"]  # the others have an inner rate below 0.2
    assert found["without_effect"]["bnwb: inner.steps = 1 leaves no step axis"] > 40  # a third, on in half of them


def test_check_refuses_a_space_with_configs_that_cannot_be_trained(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec.write_text(SPEC + '"model.blocks" = { choices = [4, 6] }\n')
    assert run(["space", "check", str(spec), "--home", str(tmp_path)]) == 2
    text = capsys.readouterr().err
    assert "of 200 random configs cannot be trained: model.blocks = 6 reduces images of 28 pixels to nothing" in text
    assert "use at most 4 blocks" in text


def test_a_limit_of_work_that_no_config_keeps_is_refused(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec.write_text(SPEC.replace("max_compute = 1.5", "max_compute = 0.01"))
    assert run(["space", "check", str(spec), "--home", str(tmp_path)]) == 2
    assert "space.max_compute = 0.01: the cheapest of 200 random configs needs 0." in capsys.readouterr().err
