"""Another tool writes the same Optuna study: what it ended is skipped, what it wishes for is trained, nothing
crashes.
"""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from rich.console import Console

from reports import records
from study.cli.main import run as mamlab
from study.engine.progress import StudyProgress
from study.engine.status import read_study
from study.repair.clean import read_in_use
from study.repair.doctor import examine
from study.repair.retrying import retry_failed
from study.results import load
from study.spec.config import StudyConfig
from study.spec.parsing import parse_spec
from study.stores.home import Home

from .store_rows import ablation, fresh_home, mlflow_runs, optuna_trials, outcomes, run, search

ARMS = {"a": "{}", "b": '{ "outer.lr" = 0.1 }'}


def notebook(home: Home, name: str) -> optuna.Study:
    """Return the study as another tool has it."""
    return optuna.load_study(study_name=name, storage=home.optuna_url)


def numbers(home: Home, name: str) -> list[int]:
    return sorted(int(one.data.tags[records.TAG_TRIAL]) for one in mlflow_runs(home, name))


def foreign_of_each_kind(study: optuna.Study) -> None:
    """Put an ended trial of the highest value, one of another range, one that failed, and one that is asked and not
    told.
    """
    study.tell(study.ask(), 9.0)
    other = study.ask()
    other.suggest_float("outer.lr", 10.0, 20.0, log=True)
    study.tell(other, 8.0)
    study.tell(study.ask(), state=TrialState.FAIL)
    study.ask()


@pytest.mark.parametrize("sampler", ["tpe", pytest.param("nsgaii", marks=pytest.mark.slow)])
def test_a_search_passes_over_another_tool_s_trials(tmp_path: Path, sampler: str) -> None:
    home = fresh_home(tmp_path)
    text = search(trials=4, workers=1).spec_text.replace('"tpe"', f'"{sampler}"')
    config = parse_spec(text)
    run(config, home)
    foreign_of_each_kind(notebook(home, "hunt"))
    last = run(parse_spec(text.replace("\ntrials = 4", "\ntrials = 10")), home)
    assert (last.finished, sum(last.counts.values()), last.planned) == (True, 10, 10)
    assert last.best_value is not None
    assert last.best_value < 1
    assert numbers(home, "hunt") == [0, 1, 2, 3, *range(8, 14)]
    assert last.notes == (
        "4 trials in Optuna's study are not made by mamlab and ignored: 4 (complete), 5 (complete), 6 (fail), 7 "
        "(running)",
    )
    assert [one.state.name for one in optuna_trials(home, "hunt")[4:8]] == ["COMPLETE", "COMPLETE", "FAIL", "RUNNING"]


def test_every_command_passes_over_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, config = fresh_home(tmp_path), search(trials=4, workers=1)
    run(config, home)
    foreign_of_each_kind(notebook(home, "hunt"))
    place = ["--home", str(home.root)]
    assert mamlab(["doctor", "hunt", *place]) == 0
    said = capsys.readouterr().out
    assert "note: 4 trials in Optuna's study are not made by mamlab and ignored: 4 (complete)" in said
    assert "agree" in said
    assert mamlab(["status", "hunt", *place]) == 0
    assert mamlab(["report", "hunt", *place]) == 0
    assert mamlab(["clean", *place]) == 0
    assert len(read_study(home, "hunt").runs) == len(load("hunt", home)[1]) == 4
    assert "hunt" in read_in_use(home).studies
    assert retry_failed(home, "hunt") == 0
    assert run(config, home).finished


def test_the_draws_are_those_of_a_search_that_nobody_touched(tmp_path: Path) -> None:
    """Random draws go by the trial's number, so it is compared with a search whose trials have the same numbers."""
    text = search(trials=3, workers=1).spec_text.replace('name = "tpe"', 'name = "tpe"\nn_startup_trials = 1')
    calm, touched = fresh_home(_made(tmp_path / "calm")), fresh_home(_made(tmp_path / "touched"))
    for home, value in ((calm, None), (touched, 9.0)):
        run(parse_spec(text), home)
        study = notebook(home, "hunt")
        study.tell(study.ask(), value, state=None if value else TrialState.FAIL)
        run(parse_spec(text.replace("\ntrials = 3", "\ntrials = 6")), home)
    assert outcomes(touched, "hunt")[4:] == outcomes(calm, "hunt")[4:]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_wish_is_trained_with_its_parameters_and_counts(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    run(search(trials=2, workers=1), home)
    wished = {"outer.lr": 0.05, "inner.steps": 4}
    notebook(home, "hunt").enqueue_trial(wished)
    notebook(home, "hunt").enqueue_trial({"inner.steps": 2})
    last = run(search(trials=5, workers=1), home)
    assert (last.finished, sum(last.counts.values()), last.planned, last.notes) == (True, 5, 5, ())
    trials = optuna_trials(home, "hunt")
    assert (trials[2].params, trials[3].params["inner.steps"], len(trials)) == (wished, 2, 5)
    assert numbers(home, "hunt") == [0, 1, 2, 3, 4]
    notebook(home, "hunt").enqueue_trial({})
    last = run(search(trials=5, workers=1), home)
    assert (last.finished, sum(last.counts.values()), last.planned) == (True, 6, 6)


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"outer.lr": 5.0}, "outer.lr = 5.0 is outside 0.0001 to 0.1"),
        pytest.param({"outer.lr": "fast"}, "outer.lr = 'fast' is outside 0.0001 to 0.1", marks=pytest.mark.slow),
        ({"momentum": 0.5}, "momentum is not searched (searched: inner.steps, outer.lr)"),
    ],
)
def test_a_wish_that_does_not_fit_is_said_and_ended(tmp_path: Path, wish: dict[str, Any], why: str) -> None:
    home = fresh_home(tmp_path)
    run(search(trials=1, workers=1), home)
    notebook(home, "hunt").enqueue_trial(wish)
    for _ in range(2):
        last = run(search(trials=2, workers=1), home)
        assert (last.finished, sum(last.counts.values())) == (True, 2)
        (note,) = last.notes
        assert note.endswith(f"ignored: 1 (fail), an enqueued trial that cannot be run: {why}")
    assert [one.state.name for one in optuna_trials(home, "hunt")][1] == "FAIL"
    assert numbers(home, "hunt") == [0, 2]


def test_wishes_and_trials_that_come_while_the_search_runs(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), search(trials=5, workers=2)
    seen: list[int] = []

    def meddle(progress: StudyProgress) -> None:
        if progress.just_ended and len(seen) < 2:
            seen.append(len(seen))
            study = notebook(home, "hunt")
            study.tell(study.ask(), 9.0)
            study.enqueue_trial({"inner.steps": 3, "outer.lr": 0.01})

    last = run(config, home, meddle)
    assert last.finished
    assert sum(last.counts.values()) >= 5
    theirs = {one.number for one in optuna_trials(home, "hunt") if one.value == 9.0}
    assert len(theirs) == 2
    assert not theirs & set(numbers(home, "hunt"))
    assert run(config, home).finished
    wished = [one.params for one in optuna_trials(home, "hunt") if "fixed_params" in one.system_attrs]
    assert wished == [{"inner.steps": 3, "outer.lr": 0.01}] * len(wished)


@pytest.mark.parametrize("told", [True, False])
def test_an_ablation_s_waiting_cell_that_another_tool_took_is_trained_all_the_same(tmp_path: Path, told: bool) -> None:
    home, config = fresh_home(tmp_path), ablation(ARMS, seeds=2)
    run(replace(config, budget=config.budget.model_copy(update={"hours": 1e-9})), home)
    study = notebook(home, "arms")
    taken = study.ask()
    assert taken.user_attrs["arm"] == "a"
    if told:
        study.tell(taken, 0.1)
    study.enqueue_trial({"x": 1})
    last = run(config, home)
    assert (last.finished, last.counts, last.planned) == (True, {"complete": 4}, 4)
    cells = sorted((one.data.tags["arm"], one.data.tags["seed"]) for one in mlflow_runs(home, "arms"))
    assert cells == [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")]
    out = StringIO()
    assert examine(home, "arms", Console(file=out, width=200), fix=False, as_json=False) == 0, out.getvalue()
    assert run(config, home).counts == {"complete": 4}


@pytest.mark.parametrize(
    "config", [ablation(ARMS, seeds=1, workers=1), search(trials=3, workers=1)], ids=["ablation", "search"]
)
def test_a_trial_that_another_tool_ends_while_it_trains_has_another_in_its_place(
    tmp_path: Path, config: StudyConfig
) -> None:
    home, done = fresh_home(tmp_path), list[int]()

    def meddle(progress: StudyProgress) -> None:
        if progress.running and progress.running[0].epoch == 1 and not done:
            study = notebook(home, config.study.name)
            number = next(one.number for one in study.trials if one.state == TrialState.RUNNING)
            done.append(number)
            study.tell(number, 0.99)

    last = run(config, home, meddle)
    assert done
    assert (last.finished, sum(last.counts.values())) == (True, last.planned)
    assert last.best_value != 0.99
    assert len(numbers(home, config.study.name)) == last.planned
    assert done[0] not in numbers(home, config.study.name)
    assert f"ignored: {done[0]} (complete)" in last.notes[0]
    again = run(config, home)
    assert (again.counts, again.best_value) == (last.counts, last.best_value)


def test_parameters_of_another_kind_do_not_bind_ours(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    study = optuna.create_study(study_name="hunt", storage=home.optuna_url, direction="maximize")
    other = study.ask()
    other.suggest_categorical("outer.lr", ["fast", "slow"])
    study.tell(other, 1.0)
    assert run(search(trials=3, workers=1), home).finished
    assert numbers(home, "hunt") == [1, 2, 3]


def test_a_copied_trial_counts_once(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), search(trials=3, workers=1)
    before = run(config, home)
    study = notebook(home, "hunt")
    study.add_trials(study.trials)
    last = run(config, home)
    assert (last.counts, last.planned, last.best_label) == (before.counts, before.planned, before.best_label)
    assert numbers(home, "hunt") == [0, 1, 2]


def test_a_study_of_that_name_that_minimises_is_refused(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    optuna.create_study(study_name="hunt", storage=home.optuna_url)
    with pytest.raises(ValueError, match=r"was not made by mamlab \(direction: minimize\); give"):
        run(search(trials=1), home)
