"""Failed runs are run again, and count once."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports import records
from study.engine.status import read_study
from study.repair.diagnosis import diagnose
from study.repair.retrying import retry_failed
from study.repair.state import read_stored
from study.spec.parsing import parse_spec
from study.stores.connect import open_mlflow
from study.stores.home import Home
from study.stores.locks import DriverBusy, driver_lock

from .store_rows import ablation, fresh_home, mlflow_runs, optuna_trials, run, search

FAILS_ONCE = '{ "outer.beta1" = 0.86 }'
DIVERGES = '{ "outer.beta1" = 0.81 }'


def superseded(home: Home, name: str) -> list[str]:
    client = open_mlflow(home)
    experiment = client.get_experiment_by_name(name).experiment_id
    wanted = f"tags.{records.TAG_ROLE} = '{records.ROLE_SUPERSEDED}'"
    return [one.data.tags[records.TAG_STATE] for one in client.search_runs([experiment], wanted)]


def test_an_ablation_s_failed_run_is_run_again_and_counted_once(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    config = ablation({"a": "{}", "fails": FAILS_ONCE, "diverges": DIVERGES}, seeds=1, retries=0)
    assert run(config, home).counts == {"complete": 1, "failed": 1, "diverged": 1}
    assert run(config, home).counts == {"complete": 1, "failed": 1, "diverged": 1}
    assert retry_failed(home, "arms") == 1
    again = run(config, home)
    assert (again.counts, again.planned) == ({"complete": 2, "diverged": 1}, 3)
    assert read_study(home, "arms").counts == {"complete": 2, "diverged": 1}
    assert superseded(home, "arms") == ["failed"]
    arms = [one.data.tags["arm"] for one in mlflow_runs(home, "arms")]
    assert sorted(arms) == ["a", "diverges", "fails"]
    assert diagnose(read_stored(home, "arms")) == []
    assert retry_failed(home, "arms") == 0
    assert run(config, home).counts == {"complete": 2, "diverged": 1}


FAILING = (
    search(trials=4, workers=1)
    .spec_text.replace("budget = { epochs", "outer = { beta1 = 0.86 }\nbudget = { epochs")
    .replace("[execution]", "[execution]\nretries = 0")
)


def test_a_search_s_failed_trials_are_run_again_with_the_same_parameters_and_count_once(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), parse_spec(FAILING)
    assert run(config, home).counts == {"failed": 4}
    before = [trial.params for trial in optuna_trials(home, "hunt")]
    assert retry_failed(home, "hunt") == 4
    assert retry_failed(home, "hunt") == 0
    again = run(config, home)
    assert sum(again.counts.values()) == again.planned == 4
    assert "failed" not in again.counts
    trials = optuna_trials(home, "hunt")
    assert [trial.params for trial in trials[4:]] == before
    assert len(mlflow_runs(home, "hunt")) == 4
    assert superseded(home, "hunt") == ["failed"] * 4
    assert diagnose(read_stored(home, "hunt")) == []
    more = parse_spec(FAILING.replace("trials = 4", "trials = 5"))
    assert sum(run(more, home).counts.values()) == 5
    assert len(optuna_trials(home, "hunt")) == 9


def test_a_failed_trial_of_two_seeds_is_run_again_whole_without_training_its_complete_cell_again(
    tmp_path: Path,
) -> None:
    text = FAILING.replace("seed = 3", "seed = 3\nseeds_per_trial = 2").replace("trials = 4", "trials = 2")
    config = parse_spec(text[: text.index("[pruner]")] + text[text.index("[budget]") :])
    home = fresh_home(tmp_path)
    assert run(config, home).counts == {"failed": 4}
    cell = mlflow_runs(home, "hunt")[0].data.tags[records.TAG_CELL]
    (home.checkpoints / cell / "died").unlink()  # it will fail once more
    assert retry_failed(home, "hunt") == 2
    again = run(config, home)
    assert (again.counts, again.planned) == ({"complete": 3, "failed": 1}, 4)
    assert retry_failed(home, "hunt") == 1
    last = run(config, home)
    assert (last.counts, last.planned) == ({"complete": 4}, 4)
    trials = optuna_trials(home, "hunt")
    assert [trial.state.name for trial in trials] == ["FAIL", "FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    assert trials[4].params == trials[2].params == trials[0].params
    failed_twice, reused = [one for one in mlflow_runs(home, "hunt") if one.data.tags[records.TAG_TRIAL] == "0004"]
    assert failed_twice.data.tags[records.TAG_CELL] == cell
    assert "reused_from" not in failed_twice.data.tags
    assert "reused_from" in reused.data.tags
    assert diagnose(read_stored(home, "hunt")) == []


def test_nothing_is_set_to_run_again_while_a_driver_lives_or_before_the_first_start(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    assert retry_failed(home, "arms") == 0
    assert run(ablation({"fails": FAILS_ONCE, "a": "{}"}, seeds=1, retries=0), home).counts["failed"] == 1
    with driver_lock(home.locks / "arms.lock", "arms"), pytest.raises(DriverBusy, match="is being run by"):
        retry_failed(home, "arms")
    assert superseded(home, "arms") == []
