"""Where successive halving and Hyperband stop trials: what is said, and what Optuna's pruners do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from study.cli.main import run
from study.spec.optuna_parts import make_pruner
from study.spec.parsing import parse_spec
from study.spec.rungs import rungs
from study.spec.sections import Named

LENGTHS = (1, 2, 3, 5, 20, 30, 100, 150, 1000)
SPEC = """
[study]
name = "halved"
[data]
source = "glyphs"
[trainer]
budget.epochs = 20
[budget]
trials = 5
[space]
"outer.lr" = { low = 0.001, high = 0.01 }
"""


def named(name: str, **options: Any) -> Named:
    return Named(name=name, options=options)


def stops(section: Named, epochs: int, trials: int = 40) -> set[int]:
    """Return the epochs after which Optuna stops a trial: each is worse than all before it, and asked at all but its
    last.
    """
    import optuna

    study = optuna.create_study(study_name="rungs", direction="maximize", pruner=make_pruner(section, epochs))
    found = set()
    for number in range(trials):
        trial = study.ask()
        for epoch in range(1, epochs):
            # as good as the first until some epoch, which differs from trial to trial, and from then on worse than all
            late = epoch > number * epochs // trials
            trial.report(-number if late else 0.0, epoch)
            if trial.should_prune():
                found.add(epoch)
                break
        study.tell(trial, 0.0)
    return found


@pytest.mark.parametrize("name", ["successive_halving", "hyperband"])
@pytest.mark.parametrize("factor", [None, 2, 3, 4, 5, 10])
@pytest.mark.parametrize("epochs", LENGTHS)
def test_no_default_rung_is_beyond_half_of_the_epochs(name: str, factor: int | None, epochs: int) -> None:
    section = named(name) if factor is None else named(name, reduction_factor=factor)
    found = rungs(section, epochs)
    assert all(1 <= rung <= epochs / 2 for rung in found)
    assert bool(found) == (epochs >= 2)  # what can be stopped at all is stopped somewhere
    assert stops(section, min(epochs, 150), 20) <= set(rungs(section, min(epochs, 150)))


@pytest.mark.parametrize(
    ("section", "epochs", "expected"),
    [
        (named("successive_halving"), 20, [2, 6]),
        (named("successive_halving"), 30, [3, 9]),
        (named("successive_halving"), 100, [11, 33]),
        (named("successive_halving", reduction_factor=2), 20, [2, 4, 8]),
        (named("successive_halving", min_resource=2), 20, [2, 6, 18]),
        (named("successive_halving", min_resource=1, min_early_stopping_rate=1), 20, [3, 9]),
        (named("successive_halving", min_resource="auto"), 200, [2, 6, 18, 54, 162]),
        (named("hyperband"), 20, [2, 6]),
        (named("hyperband", min_resource=5, reduction_factor=2), 20, [5, 10]),
        (named("median"), 20, []),
        (named("none"), 20, []),
    ],
)
def test_the_rungs_that_are_said_are_those_at_which_optuna_stops(
    section: Named, epochs: int, expected: list[int]
) -> None:
    assert rungs(section, epochs) == expected
    if expected and section.options.get("min_resource") != "auto":  # which stops nothing before a trial is complete
        assert stops(section, epochs) == set(expected)


def test_a_trial_that_is_shorter_than_the_base_is_not_stopped_beyond_half_of_its_own_epochs() -> None:
    import optuna

    study = optuna.create_study(direction="maximize", pruner=make_pruner(named("successive_halving"), 20))
    verdicts = []
    for value in (1.0, 0.0):
        trial = study.ask({"budget.epochs": optuna.distributions.IntDistribution(8, 8)})
        for epoch in (1, 6):
            trial.report(value if epoch == 6 else 1.0, epoch)
            verdicts.append(trial.should_prune())
        study.tell(trial, value)
    assert verdicts == [False] * 4  # epoch 6 of 8


@pytest.mark.parametrize("command", ["check", "show"])
def test_the_commands_that_look_at_a_space_say_where_its_rungs_are(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "halved.toml"
    path.write_text(SPEC)
    home = ["--home", str(tmp_path)] if command == "check" else []
    assert run(["space", command, str(path), *home]) == 0
    assert "Rungs: epochs 2, 6 of 20; at each, 1 trial in 3 goes on." in capsys.readouterr().out
    if command == "check":
        assert run(["space", command, str(path), *home, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["rungs"] == [2, 6]


def test_a_rung_beyond_half_that_the_user_places_is_a_note_and_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SPEC + '[pruner]\nname = "successive_halving"\nmin_resource = 2\n'
    (note,) = parse_spec(text).notes
    assert note.startswith("pruner: successive_halving also stops trials after epoch 18 of 20, when more than half")
    (tmp_path / "late.toml").write_text(text)
    assert run(["space", "check", str(tmp_path / "late.toml"), "--home", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "Rungs: epochs 2, 6, 18 of 20" in said
    assert note in said
