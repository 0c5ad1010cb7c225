"""A short look at every trial, and the best of them go on."""

from pathlib import Path
from typing import Any

import pytest

from reports import records
from study.engine import mlflow_runs
from study.engine.attributes import CONTINUED, CONTINUES
from study.engine.progress import StudyProgress
from study.engine.trials import Trials
from study.repair.clean import find_unused, read_in_use
from study.repair.diagnosis import diagnose
from study.repair.state import read_stored
from study.results import load
from study.spec.config import SpecError, StudyConfig
from study.spec.parsing import parse_spec
from study.stores.connect import open_mlflow, open_optuna
from study.stores.home import Home
from study.stores.outages import StoreUnreachable
from tests.study_tests.store_rows import check_stores, fresh_home, optuna_trials, run, search, superseded
from trainers.results import EpochResult


def looked(trials: int = 6, options: str = "one_in = 3", workers: int = 1) -> StudyConfig:
    """Return a search of four-epoch trials that looks at each for one epoch."""
    text = search(trials=trials, workers=workers).spec_text
    old = text[text.index("[pruner]") :].partition("\n[")[0]
    return parse_spec(text.replace(old, f'[pruner]\nname = "short_look"\n{options}'))


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, StudyProgress]:
    """Return the home of a search of six trials that ran at once, and its last progress."""
    home = fresh_home(tmp_path_factory.mktemp("six"))
    return home, run(looked(6), home)


def test_a_trial_goes_on_as_soon_as_it_is_in_the_better_third_and_counts_once(six: tuple[Home, StudyProgress]) -> None:
    (home, last), config = six, looked(6)
    assert last.counts == {"complete": 2, "pruned": 4} == check_stores(home, config, 6)
    trials = optuna_trials(home, "hunt")
    gone_on = [trial for trial in trials if CONTINUES in trial.user_attrs]
    replaced = [trials[trial.user_attrs[CONTINUES]] for trial in gone_on]
    assert superseded(home, "hunt") == {trial.number for trial in replaced}
    assert [trial.params for trial in gone_on] == [trial.params for trial in replaced]
    assert [trial.number for trial in gone_on] == [3, 5]  # after three looks, and as a fourth one is the best of all
    for trial in replaced:
        assert trial.intermediate_values[1] == max(one.intermediate_values[1] for one in trials[: trial.number + 1])
    assert all(len(trial.intermediate_values) == (4 if trial in gone_on else 1) for trial in trials)

    _, runs = load("hunt", home)
    assert len(runs) == 6
    best = max(gone_on, key=lambda trial: trial.value)
    assert last.best_value == best.value
    assert {one.tags[mlflow_runs.CONTINUES] for one in runs if one.state == "complete"} == {
        f"{trial.number:04d}" for trial in replaced
    }
    assert not diagnose(read_stored(home, "hunt"))
    assert not find_unused(home, read_in_use(home))


def test_a_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    run(looked(3, "one_in = 3"), home)
    _, runs = load("hunt", home)
    stopped = [one for one in runs if one.state == "pruned"]
    for one in stopped:
        assert [file.name for file in (home.checkpoints / one.fingerprint).glob("*.ckpt")] == ["epoch-000001.ckpt"]
    whole = next(one for one in runs if one.state == "complete")
    first, second = whole.curves["val_accuracy"][:2]
    assert (first[0], second[0]) == (1, 2)
    folder = home.checkpoints / whole.fingerprint
    assert [file.name for file in folder.glob("*.ckpt")] == ["final.ckpt"]
    own = open_mlflow(home).get_experiment_by_name("hunt").experiment_id
    old = open_mlflow(home).search_runs([own], f"tags.{records.TAG_ROLE} = '{records.ROLE_SUPERSEDED}'")
    assert [one.data.tags[mlflow_runs.CONTINUED_BY] for one in old] == [f"{whole.trial:04d}"]
    assert [one.data.tags[records.TAG_CELL] for one in old] == [whole.fingerprint]


def test_a_search_that_is_given_more_trials_goes_on_with_those_that_it_would_have_gone_on_with(
    tmp_path: Path, six: tuple[Home, StudyProgress]
) -> None:
    homes = six[0], fresh_home(tmp_path)
    run(looked(4), homes[1])
    run(looked(6), homes[1])
    assert superseded(homes[0], "hunt") == superseded(homes[1], "hunt")
    first, second = ([trial.params for trial in optuna_trials(home, "hunt")] for home in homes)
    assert first == second


def test_a_driver_that_died_as_it_chose_goes_on_with_what_it_chose(tmp_path: Path) -> None:
    """The choice is the first thing that is written; here nothing else was."""
    home, config = fresh_home(tmp_path), looked(2, "one_in = 3")
    run(config, home)
    storage = open_optuna(home)
    storage.set_study_user_attr(storage.get_study_id_from_name("hunt"), CONTINUED, [1])
    storage.remove_session()
    last = run(config, home)
    assert last.counts == {"complete": 1, "pruned": 1} == check_stores(home, config, 2)
    assert [trial.user_attrs.get(CONTINUES) for trial in optuna_trials(home, "hunt")] == [None, None, 1]
    assert not diagnose(read_stored(home, "hunt"))


@pytest.mark.slow
def test_with_two_workers_the_better_third_goes_on(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), looked(6, workers=2)
    assert run(config, home).counts == check_stores(home, config, 6)
    counting = [trial for trial in optuna_trials(home, "hunt") if trial.number not in superseded(home, "hunt")]
    ranked = sorted(counting, key=lambda trial: -trial.intermediate_values[1])
    assert {trial.state.name for trial in ranked[:2]} == {"COMPLETE"}


def test_the_checkpoints_of_the_worst_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.engine.kept_checkpoints.KEPT", 2)
    home = fresh_home(tmp_path)
    run(looked(6, "one_in = 7"), home)
    _, runs = load("hunt", home)
    best = sorted(runs, key=lambda one: -one.metrics["best_val_accuracy"])
    kept = {one.fingerprint for one in runs if list((home.checkpoints / one.fingerprint).glob("*.ckpt"))}
    assert kept == {one.fingerprint for one in best[:2]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("one_in = 1", "pruner: short_look rejects its options: one_in must be at least 2, not 1"),
        ("epochs = 0", "pruner: short_look rejects its options: epochs must be at least 1, not 0"),
        ("few = 3", "pruner.few: "),
    ],
)
def test_options_that_make_no_sense_are_refused(options: str, message: str) -> None:
    with pytest.raises(SpecError) as refused:
        looked(options=options)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("write", "nth"), [("set_study_user_attr", 0), ("set_study_user_attr", 1), ("create_new_trial", 0)]
)
@pytest.mark.parametrize("taken", [True, False], ids=["written, answer lost", "not written"])
def test_a_store_that_goes_away_as_a_trial_is_chosen_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: str, nth: int, taken: bool
) -> None:
    """After three looks, the writes that follow are those of the choice: two attributes, then the trial."""
    home = fresh_home(tmp_path)
    storage = open_optuna(home)
    trials = Trials(storage, looked(3), "checksum")
    for value in (0.3, 0.5, 0.4):
        plan = trials.next()[0]
        assert trials.judge(plan, EpochResult(1, 1.0, 0.4, 1.1, value, 0.01, 0.001, 2.0, 50.0, finished_at=1000.0))
        trials.end(plan, "pruned", None)
    left, real = [nth], getattr(storage, write)

    def once(*given: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] == -1:
            if taken:
                real(*given, **named)
            raise StoreUnreachable("Optuna's store", "gone")
        return real(*given, **named)

    monkeypatch.setattr(storage, write, once)
    with pytest.raises(StoreUnreachable):
        trials.next()
    assert left[0] == -1
    trials.resync()
    again = trials.next()[0]
    assert (again.trial, again.continues, trials.counts) == (3, 1, {"pruned": 2})
    assert superseded(home, "hunt") == {1}
    assert not trials.judge(again, EpochResult(1, 1.0, 0.4, 1.1, 0.5, 0.01, 0.001, 2.0, 50.0, finished_at=1000.0))
    trials.end(again, "complete", 0.6)
    assert not trials.more
