from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import optuna
import pytest
from optuna.trial import TrialState

from study.stores.optuna_storage import SoleWriter

from .store_rows import fresh_home


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    backend = optuna.storages.RDBStorage(fresh_home(tmp_path).optuna_url)
    return optuna.create_study(storage=SoleWriter(backend), direction="maximize")


def as_stored(study: optuna.Study) -> list[dict[str, Any]]:
    """Return all trials as another reader finds them."""
    storage = study._storage
    assert isinstance(storage, SoleWriter)
    return [vars(trial) for trial in storage._backend.get_all_trials(study._study_id)]


def as_known(study: optuna.Study) -> list[dict[str, Any]]:
    return [vars(trial) for trial in study.get_trials()]


def test_after_each_kind_of_write_the_writer_knows_what_is_stored(study: optuna.Study) -> None:
    study.enqueue_trial({"x": 0.5}, {"preset": "one"})
    assert as_known(study) == as_stored(study)
    trial = study.ask()
    assert as_known(study) == as_stored(study)
    trial.suggest_float("x", 0.0, 1.0)
    trial.suggest_categorical("y", ["a", "b"])
    assert as_known(study) == as_stored(study)
    for step in (1, 2):
        trial.report(step / 10, step)
        trial.set_user_attr("last", step)
        assert as_known(study) == as_stored(study)
    study._storage.set_trial_system_attr(trial._trial_id, "rung", 3)
    study.tell(trial, 0.75)
    study.tell(study.ask(), state=TrialState.FAIL)
    assert as_known(study) == as_stored(study)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE, TrialState.FAIL]
    assert study.best_trial.intermediate_values == {1: 0.1, 2: 0.2}


def test_a_trial_that_was_handed_out_stays_as_it_was(study: optuna.Study) -> None:
    trial = study.ask()
    before = study._storage.get_trial(trial._trial_id)
    listed = study.get_trials(deepcopy=False)[0]
    trial.report(0.5, 1)
    assert before.intermediate_values == listed.intermediate_values == {}
    before.intermediate_values[7] = 1.0
    assert study._storage.get_trial(trial._trial_id).intermediate_values == {1: 0.5}


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_best_of_the_visible_trials_follows_the_direction(
    direction: Literal["maximize", "minimize"], tmp_path: Path
) -> None:
    backend = optuna.storages.RDBStorage(fresh_home(tmp_path).optuna_url)
    storage = SoleWriter(backend)
    study = optuna.create_study(storage=storage, direction=direction)
    for value in (1.0, -3.0, 2.0, 9.0):
        study.tell(study.ask(), value)
    storage.show_only(lambda trial: trial.number != 3)
    assert study.best_value == (2.0 if direction == "maximize" else -3.0)
    storage.show_only(lambda trial: False)
    with pytest.raises(ValueError, match="No trials are completed yet"):
        _ = study.best_trial
