"""Each disagreement is made by hand, listed, and mended; then the stores agree."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from rich.console import Console

from reports import records
from study.cli.main import run as mamlab
from study.engine.journal import Journal, RunKey
from study.repair.doctor import examine
from study.spec.config import StudyConfig
from study.spec.parsing import parse_spec
from study.stores import heartbeat
from study.stores.connect import open_mlflow
from study.stores.heartbeat import TAG
from study.stores.home import Home
from study.stores.locks import DriverBusy, driver_lock
from study.workers.jobs import EpochDone, Started
from trainers.checkpoint import CheckpointFolder
from trainers.results import EpochResult

from .far_driver import far_driver, far_sign
from .store_rows import ablation, check_stores, fresh_home, mlflow_runs, optuna_trials, run, search

ARMS = {"a": "{}", "b": '{ "outer.lr" = 0.1 }'}


@dataclass
class Study:
    """A study that has ended, to be damaged."""

    home: Home
    config: StudyConfig

    @property
    def name(self) -> str:
        return self.config.study.name

    @property
    def client(self) -> Any:
        return open_mlflow(self.home)

    def run(self, number: int = 0) -> Any:
        return mlflow_runs(self.home, self.name)[number]

    @property
    def parent(self) -> Any:
        return self.client.get_run(self.run(-1).data.tags["mlflow.parentRunId"])

    def set_parent(self, state: str, status: str) -> None:
        one = self.parent.info.run_id
        self.client.set_tag(one, records.TAG_STATE, state)
        self.client.update_run(one, status=status)

    def folder(self, number: int = 0) -> CheckpointFolder:
        return CheckpointFolder(self.home.checkpoints / self.run(number).data.tags[records.TAG_CELL])

    def history(self) -> list[EpochResult]:
        state = self.folder().load()
        assert state
        return [EpochResult(**epoch) for epoch in state["history"]]

    def set_trial(self, state: str, number: int = 0) -> None:
        """Give a trial a state that Optuna's own interface refuses once it has ended."""
        with closing(sqlite3.connect(self.home.optuna_db)) as database:
            database.execute("UPDATE trials SET state = ? WHERE number = ?", (state, number))
            if state in ("RUNNING", "WAITING"):
                sql = "DELETE FROM trial_values WHERE trial_id = (SELECT trial_id FROM trials WHERE number = ?)"
                database.execute(sql, (number,))
            database.commit()

    def set_run(self, state: str, status: str, number: int = 0) -> None:
        one = self.run(number).info.run_id
        self.client.set_tag(one, records.TAG_STATE, state)
        self.client.update_run(one, status=status)

    def forget_epochs(self, *epochs: int) -> None:
        one = self.run().info.run_id
        with closing(sqlite3.connect(self.home.mlflow_db)) as database:
            for epoch in epochs:
                database.execute("DELETE FROM metrics WHERE run_uuid = ? AND step = ?", (one, epoch))
            database.commit()

    def doctor(self, fix: bool = False) -> tuple[int, str]:
        out = StringIO()
        status = examine(self.home, self.name, Console(file=out, width=160), fix=fix, as_json=False)
        return status, out.getvalue()


@pytest.fixture
def study(tmp_path: Path) -> Study:
    config, home = ablation(ARMS, seeds=1), fresh_home(tmp_path)
    assert run(config, home).finished
    return Study(home, config)


def both_running(study: Study) -> None:
    study.set_trial("RUNNING")
    study.set_run("running", "RUNNING")


def only_optuna_running(study: Study) -> None:
    study.set_trial("RUNNING")


def only_mlflow_running(study: Study) -> None:
    study.set_run("running", "RUNNING")


def another_end(study: Study) -> None:
    study.set_run("failed", "FAILED")


def another_status(study: Study) -> None:
    study.set_run("complete", "RUNNING")


def epochs_lost(study: Study) -> None:
    study.forget_epochs(1, 2)


def run_doubled(study: Study) -> None:
    one = study.run()
    study.client.create_run(one.info.experiment_id, tags={**one.data.tags, records.TAG_STATE: "interrupted"})


def run_in_the_bin(study: Study) -> None:
    study.client.delete_run(study.run().info.run_id)


def leftovers(study: Study) -> None:
    for name in ("epoch-000002.ckpt", "final.damaged", "epoch-000003.ckpt.tmp-77"):
        (study.folder().path / name).write_bytes(b"x" * 99)


def checkpoint_gone(study: Study) -> None:
    study.folder().remove()


def final_damaged(study: Study) -> None:
    file = study.folder().path / "final.ckpt"
    file.write_bytes(file.read_bytes()[:-1])


DAMAGE: dict[Callable[[Study], None], tuple[str, str]] = {
    only_optuna_running: ("a / seed 1: complete in MLflow, but not ended in Optuna", "ended as complete in Optuna"),
    only_mlflow_running: ("a / seed 1: running in MLflow, complete in Optuna", "set to complete in MLflow"),
    another_end: ("a / seed 1: failed in MLflow, complete in Optuna", "set to complete in MLflow"),
    another_status: ("a / seed 1: complete, but MLflow's status is RUNNING", "set to FINISHED"),
    epochs_lost: ("a / seed 1: 2 of the 3 epochs in its checkpoint are missing in MLflow", "written to MLflow"),
    run_doubled: ("a / seed 1: MLflow has two runs of this trial and seed", "the one with more results is kept"),
    run_in_the_bin: ("a / seed 1: ended in Optuna, but its run is deleted in MLflow", "restored"),
    leftovers: ("leftover files: epoch-000002.ckpt, epoch-000003.ckpt.tmp-77, final.damaged", "removed"),
    checkpoint_gone: ("a / seed 1: complete, but the checkpoint is not in", "recorded as deleted"),
    final_damaged: ("leftover files: final.ckpt", "removed"),
}


def test_stores_that_agree_are_said_to_agree(study: Study) -> None:
    assert study.doctor() == (0, "arms: no problem found; both databases, the checkpoints and the journal agree.\n")


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_disagreement_is_listed_then_mended(study: Study, damage: Callable[[Study], None]) -> None:
    before = numbers(study)
    damage(study)
    what, way = DAMAGE[damage]
    status, text = study.doctor()
    assert status == 1
    assert what in text
    assert way in text
    assert "To fix: mamlab doctor arms --fix" in text
    status, text = study.doctor(fix=True)
    mended = 2 if damage is final_damaged else 1  # it goes, and then the run has none
    assert (status, text.splitlines()[-1]) == (0, f"{mended} fixed, 0 left."), text
    assert study.doctor()[0] == 0
    assert check_stores(study.home, study.config, 2) == {"complete": 2}
    assert numbers(study) == before


def numbers(study: Study) -> list[Any]:
    values = [(trial.state.name, trial.value) for trial in optuna_trials(study.home, study.name)]
    names = (records.VAL_ACCURACY, records.BEST_VAL_ACCURACY, records.TEST_ACCURACY)
    ids = [one.info.run_id for one in mlflow_runs(study.home, study.name)]
    histories = [study.client.get_metric_history(one, name) for one in ids for name in names]
    return [values, [sorted((p.step, p.value, p.timestamp) for p in points) for points in histories]]


def test_what_a_dead_driver_left_running_waits_again_and_goes_on_from_its_checkpoint(study: Study) -> None:
    before = numbers(study)
    both_running(study)
    study.set_parent("running", "RUNNING")
    status, text = study.doctor(fix=True)
    assert status == 1
    assert text.splitlines()[-1] == "3 fixed, 1 left."
    assert study.parent.info.status == "SCHEDULED"
    assert "its checkpoint is complete, but its result is in neither store" in text
    assert optuna_trials(study.home, "arms")[0].state == TrialState.WAITING
    assert study.run().info.status == "SCHEDULED"
    assert run(study.config, study.home).finished
    assert study.doctor()[0] == 0
    assert check_stores(study.home, study.config, 2) == {"complete": 2}
    assert numbers(study)[0] == before[0]


@pytest.mark.parametrize(("state", "status"), [("running", "RUNNING"), ("interrupted", "SCHEDULED")])
def test_a_study_whose_runs_have_all_ended_is_complete_also_when_the_last_is_mended(
    study: Study, state: str, status: str
) -> None:
    study.set_parent(state, status)
    assert f"study arms: {state} in MLflow, but all its runs have ended" in study.doctor()[1]
    only_optuna_running(study)
    assert "all its runs have ended" not in study.doctor()[1]
    assert study.doctor(fix=True)[0] == 0
    assert study.parent.info.status == "FINISHED"
    assert study.parent.data.tags[records.TAG_STATE] == "complete"


def test_a_journal_is_written_into_both_books(study: Study) -> None:
    history, folder = study.history(), study.folder()
    both_running(study)
    study.forget_epochs(1, 2, 3)
    folder.remove()
    journal = Journal(study.home.journal / "arms.jsonl")
    tags = study.run().data.tags
    key = RunKey(0, int(tags[records.TAG_SEED]), tags[records.TAG_CELL])
    journal.add(key, [Started(False, "cpu"), *(EpochDone(epoch) for epoch in history[:2])])
    assert "3 events of 1 runs in arms.jsonl are not written" in study.doctor()[1]
    assert study.doctor(fix=True)[0] == 0
    assert not journal.path.exists()
    points = study.client.get_metric_history(study.run().info.run_id, records.VAL_ACCURACY)
    assert [(p.step, p.value) for p in points] == [(epoch.epoch, epoch.val_accuracy) for epoch in history[:2]]
    assert run(study.config, study.home).finished
    assert check_stores(study.home, study.config, 2) == {"complete": 2}


def test_a_run_without_a_trial_is_said_and_left(study: Study) -> None:
    one = study.run()
    tags = {**one.data.tags, records.TAG_TRIAL: "0007"}
    study.client.create_run(one.info.experiment_id, tags=tags, run_name=one.info.run_name)
    status, text = study.doctor(fix=True)
    assert status == 1
    assert "a / seed 1: a run in MLflow, but Optuna has no trial 7" in text
    assert text.splitlines()[-1] == "0 fixed, 1 left."


def run_lost(study: Study) -> None:
    study.client.set_tag(study.run().info.run_id, records.TAG_ROLE, "another's")


def result_lost(study: Study) -> None:
    study.set_run("interrupted", "SCHEDULED")
    with closing(sqlite3.connect(study.home.mlflow_db)) as database:
        database.execute("DELETE FROM latest_metrics WHERE run_uuid = ?", (study.run().info.run_id,))
        database.commit()


def artifact_lost(study: Study) -> None:
    (file,) = study.home.artifacts.rglob(f"{study.run().info.run_id}/artifacts/{records.PER_TASK_FILE}")
    file.unlink()


def another_value(study: Study) -> None:
    with closing(sqlite3.connect(study.home.optuna_db)) as database:
        database.execute("UPDATE trial_values SET value = 2 WHERE trial_id = 1")
        database.commit()


LOST: dict[Callable[[Study], None], str] = {
    run_lost: "ended in Optuna, but it has no run in MLflow",
    result_lost: "interrupted in MLflow, complete in Optuna, and its result is missing in MLflow",
    another_value: "in MLflow, 2.0 in Optuna",
    artifact_lost: "a / seed 1: complete, but missing in MLflow: per_task.json",
}


@pytest.mark.parametrize(
    "loss",
    [run_lost, artifact_lost, *(pytest.param(one, marks=pytest.mark.slow) for one in (result_lost, another_value))],
    ids=lambda loss: loss.__name__,
)
def test_a_result_that_a_book_has_lost_is_taken_from_its_checkpoint_by_the_next_start(
    study: Study, loss: Callable[[Study], None]
) -> None:
    value = study.run().data.metrics[records.BEST_VAL_ACCURACY]
    loss(study)
    assert LOST[loss] in study.doctor()[1]
    status, text = study.doctor(fix=True)
    assert (status, text.splitlines()[-1]) == (0, "1 fixed, 0 left.")
    assert study.parent.info.status == "SCHEDULED"
    last = run(study.config, study.home)
    assert (last.counts, last.planned) == ({"complete": 2}, 2)
    (again,) = [one for one in mlflow_runs(study.home, "arms") if one.data.tags["arm"] == "a"]
    assert again.data.metrics[records.BEST_VAL_ACCURACY] == value
    assert optuna_trials(study.home, "arms")[2].value == value
    assert study.doctor()[0] == 0


def test_a_search_s_trial_that_mlflow_has_ended_ends_in_optuna_with_its_epochs(tmp_path: Path) -> None:
    study = Study(fresh_home(tmp_path), search(trials=8, workers=1))
    assert run(study.config, study.home).finished
    ends = {trial.state.name: trial for trial in optuna_trials(study.home, "hunt")}
    for trial in (ends["COMPLETE"], ends["PRUNED"]):
        study.set_trial("RUNNING", trial.number)
        with closing(sqlite3.connect(study.home.optuna_db)) as database:
            database.execute("DELETE FROM trial_intermediate_values WHERE trial_id = ?", (trial._trial_id,))
            database.commit()
    assert study.doctor(fix=True)[0] == 0
    now = {trial.number: trial for trial in optuna_trials(study.home, "hunt")}
    for trial in (ends["COMPLETE"], ends["PRUNED"]):
        again = now[trial.number]
        assert (again.state, again.value, again.intermediate_values) == (
            trial.state, trial.value, trial.intermediate_values,
        )  # fmt: skip
    assert sum(check_stores(study.home, study.config, 8).values()) == 8


def test_a_trial_of_several_seeds_whose_driver_died_just_before_its_end_is_ended_by_the_next_start(
    tmp_path: Path,
) -> None:
    spec = search(trials=3, workers=1).spec_text.replace("seed = 3", "seed = 3\nseeds_per_trial = 2")
    config = parse_spec(spec[: spec.index("[pruner]")] + spec[spec.index("[budget]") :])
    study = Study(fresh_home(tmp_path), config)
    assert run(config, study.home).finished
    value = optuna_trials(study.home, "hunt")[0].value
    study.set_trial("RUNNING")
    status, text = study.doctor()
    assert status == 1
    assert "running in Optuna, but no driver is running" in text
    assert study.doctor(fix=True)[0] == 0
    assert run(config, study.home).counts == {"complete": 6}
    again = optuna_trials(study.home, "hunt")
    assert [trial.state.name for trial in again] == ["COMPLETE"] * 3
    assert again[0].value == value


def test_nothing_is_mended_while_a_driver_lives(study: Study) -> None:
    both_running(study)
    with driver_lock(study.home.locks / "arms.lock", "arms"):
        status, text = study.doctor()
        assert status == 0
        assert "arms is being run by host" in text
        with pytest.raises(DriverBusy, match="is being run by host"):
            study.doctor(fix=True)
    parent = study.run().data.tags["mlflow.parentRunId"]
    with (
        far_driver(study.client, parent),
        pytest.raises(DriverBusy, match="is being run by host far, process 7"),
    ):
        study.doctor(fix=True)
    assert optuna_trials(study.home, "arms")[0].state == TrialState.RUNNING


def test_a_driver_of_another_machine_that_died_is_watched_before_anything_is_mended(
    study: Study, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    both_running(study)
    study.client.set_tag(study.run().data.tags["mlflow.parentRunId"], TAG, far_sign(beat=4e9))
    status, text = study.doctor()
    assert status == 0
    assert "arms is being run by host far, process 7, since noon; last heartbeat at 2096-" in text
    monkeypatch.setattr(heartbeat, "DEAD_SECONDS", 1.0)
    study.doctor(fix=True)
    assert "waiting up to 1 s to see whether it is still running" in capfd.readouterr().err
    assert optuna_trials(study.home, "arms")[0].state == TrialState.WAITING


def test_the_command_answers_in_json_and_by_its_exit_status(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--home", str(study.home.root)]
    assert mamlab(["doctor", "arms", *place]) == 0
    another_end(study)
    capsys.readouterr()
    assert mamlab(["doctor", "arms", "--json", *place]) == 1
    what, way = DAMAGE[another_end]
    expected: dict[str, Any] = {"schema": 1, "command": "doctor", "study": "arms", "driver": "", "notes": []}
    expected["disagreements"] = [{"what": what, "mended": False, "fix": way}]
    assert json.loads(capsys.readouterr().out) == expected
    assert mamlab(["doctor", "arms", "--fix", "--json", *place]) == 0
    assert json.loads(capsys.readouterr().out)["disagreements"] == [{"what": what, "mended": True}]
    assert mamlab(["doctor", "other", *place]) == 2
    assert "no study named 'other'" in capsys.readouterr().err
