from __future__ import annotations

import io
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from study.cli.outcome import print_result
from study.cli.status import studies_table, study_page
from study.engine.plan import StudyChanged, sampler_seed, search_label
from study.engine.progress import StudyProgress
from study.engine.read_overviews import overview
from study.engine.status import read_study
from study.python.result import open_study
from study.repair.retrying import retry_failed
from study.spec.parsing import parse_spec
from study.stores import heartbeat
from study.stores.connect import open_mlflow
from study.stores.heartbeat import TAG
from study.stores.locks import DriverBusy, driver_lock
from study.workers.executors import LocalExecutor

from .far_driver import far_driver, far_sign
from .stand_in import accuracy
from .store_rows import ablation, check_stores, fresh_home, mlflow_runs, optuna_trials, run, search

ENDS = {
    "well": '{ "outer.lr" = 0.01 }',
    "diverges": '{ "outer.beta1" = 0.81 }',
    "too big": '{ "outer.beta1" = 0.82 }',
    "raises": '{ "outer.beta1" = 0.83 }',
    "dies": '{ "outer.beta1" = 0.84 }',
    "dies once": '{ "outer.beta1" = 0.85 }',
    "raises once": '{ "outer.beta1" = 0.86 }',
    "large": '{ "outer.beta1" = 0.89 }',
    "loses its GPU once": '{ "outer.beta1" = 0.91 }',
}


def test_a_search_of_12_ends_with_pruned_and_complete_trials_and_equal_books_and_goes_on_to_14(tmp_path: Path) -> None:
    home, seen = fresh_home(tmp_path), list[StudyProgress]()
    last = run(search(12), home, seen.append)
    states = check_stores(home, search(12), 12)
    assert states == last.counts
    assert states.keys() == {"complete", "pruned"}
    assert states.total() == last.planned == 12
    assert last.finished
    assert not last.interrupted
    assert max(len(progress.running) for progress in seen) == 2
    done = [trial for trial in optuna_trials(home, "hunt") if trial.state.name == "COMPLETE"]
    best = max(done, key=lambda trial: trial.value)
    assert (last.best_value, last.best_params) == (best.value, best.params)
    pruned = [one for one in mlflow_runs(home, "hunt") if one.data.tags["mamlab.state"] == "pruned"]
    assert all(one.info.run_name.endswith("(pruned)") for one in pruned)
    assert not any(list((home.checkpoints / one.data.tags["cell"]).glob("*.ckpt")) for one in pruned)
    assert run(search(14), home).counts["complete"] >= states["complete"]
    assert check_stores(home, search(14), 14).total() == 14


def test_each_way_to_end_has_its_state_in_both_books(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    config, seen = ablation(ENDS, seeds=1, retries=1), list[StudyProgress]()
    last = run(config, home, seen.append)
    assert last.counts == {"complete": 5, "diverged": 1, "out_of_memory": 1, "failed": 2}
    assert check_stores(home, config, 9) == last.counts
    messages = {one.data.tags["arm"]: one.data.tags.get("message", "") for one in mlflow_runs(home, "arms")}
    assert "epoch 2, iteration 7" in messages["diverges"]
    assert "no room for 3 GiB" in messages["too big"]
    assert "RuntimeError: the stand-in was told to fail" in messages["raises"]
    assert "signal 9" in messages["dies"]
    assert "the stand-in's last words" in messages["dies"]
    assert (
        "loses its GPU once / seed 1: the worker process ended (exit code 70); the run resumes from its checkpoint"
        in {message for one in seen for message in one.messages}
    )


@pytest.mark.slow
def test_a_worker_that_is_silent_for_too_long_is_killed_and_its_run_fails_after_its_retries(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "hangs": '{ "outer.beta1" = 0.87 }'}, seeds=1, retries=0)
    config = replace(config, execution=config.execution.model_copy(update={"timeout": 15.0}))  # a worker starts in it
    workers = LocalExecutor(2, 1, home.logs)
    last = run(config, home, executor=workers)
    workers.close()
    assert last.counts == {"complete": 1, "failed": 1}
    hung = next(one for one in mlflow_runs(home, "arms") if one.data.tags["arm"] == "hangs")
    assert (
        "no message for more than 15 s ([execution] timeout), so the worker process ended (signal 9)"
        in hung.data.tags["message"]
    )


@pytest.mark.parametrize(("limit", "runs"), [("cpu_hours", 1), pytest.param("gpu_hours", 4, marks=pytest.mark.slow)])
def test_hours_of_devices_end_a_study_and_count_over_all_its_starts(tmp_path: Path, limit: str, runs: int) -> None:
    """A stand-in's epoch takes 0.01 s on the CPU, so a run of three takes 0.03 s."""
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=2, workers=1)
    poor = replace(config, budget=config.budget.model_copy(update={limit: 0.025 / 3600}))
    for _ in range(2):
        last = run(poor, home)
        assert last.counts.get("complete") == runs
        assert last.finished == (runs == 4)
        assert (last.spent.startswith(f"[budget] {limit} = ")) == (runs == 1)
    assert run(config, home).finished


def test_hours_are_the_wall_clock_of_all_starts(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1)
    assert run(config, home).finished
    client = open_mlflow(home)
    (parent,) = client.search_runs([client.get_experiment_by_name("arms").experiment_id], "tags.role = 'study'")
    lived = float(parent.data.tags["mamlab.wall_seconds"])
    assert 0 < lived < 60
    more = ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=2)
    poor = replace(more, budget=more.budget.model_copy(update={"hours": lived / 3600}))
    last = run(poor, home)
    assert last.spent.startswith("[budget] hours = ")
    assert last.counts == {"complete": 2, "waiting": 2}
    client.set_tag(parent.info.run_id, "mamlab.wall_seconds", "0")
    rich = replace(more, budget=more.budget.model_copy(update={"hours": 1.0}))
    assert run(rich, home).counts == {"complete": 4}


def test_what_the_data_or_this_machine_cannot_do_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    for override, message in (
        ('{ "episodes.ways" = 21 }', r'arm "b": stand-in: split train has 20 classes, but a task needs 21'),
        ('{ "model.blocks" = 5 }', r'arm "b": model.blocks = 5 reduces images of 28 pixels to nothing'),
        ('{ "device" = "cuda:77", "outer.lr" = 0.1 }', r'arm "b": device = "cuda:77": this machine has'),
    ):
        with pytest.raises(ValueError, match=message):
            run(ablation({"a": "{}", "b": override}), home)
    assert open_mlflow(home).get_experiment_by_name("arms") is None


def test_an_ablation_whose_time_is_up_is_neither_finished_nor_interrupted_and_goes_on_later(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=2)
    short = replace(config, budget=config.budget.model_copy(update={"hours": 1e-9}), notes=("of the spec",))
    last = run(short, home)
    assert last.messages == ()  # its notes are printed before it starts, and not twice
    assert (last.finished, last.interrupted, last.counts) == (False, False, {"waiting": 4})
    assert run(config, home).finished
    assert check_stores(home, config, 4) == {"complete": 4}


def test_an_ablation_runs_each_cell_once_blocks_first_and_takes_more_arms_and_seeds(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    arms = {"slow": '{ "outer.lr" = 0.01 }', "fast": '{ "outer.lr" = 0.1 }'}
    run(ablation(arms, seeds=2, workers=1), home)
    order = [(trial.user_attrs["seed"], trial.user_attrs["arm"]) for trial in optuna_trials(home, "arms")]
    assert order == [(1, "slow"), (1, "fast"), (2, "slow"), (2, "fast")]
    more = ablation({**arms, "third": '{ "outer.lr" = 0.2 }'}, seeds=3)
    assert run(more, home).counts == {"complete": 9}
    assert check_stores(home, more, 9) == {"complete": 9}
    for one in mlflow_runs(home, "arms"):
        arm, seed = one.data.tags["arm"], int(one.data.tags["seed"])
        assert one.data.metrics["best_val_accuracy"] == accuracy(more.arms[arm][0], seed, 3)
        assert one.data.metrics["test_accuracy"] == 0.5
        assert one.data.params["outer.lr"] == str(more.arms[arm][0].outer.lr)
    with pytest.raises(StudyChanged, match='arm "slow", seed 1 has other settings than when the study started'):
        run(ablation({**arms, "slow": '{ "outer.lr" = 0.5 }'}, seeds=3), home)
    with pytest.raises(StudyChanged, match='"fast", seed 1 is no longer in the spec'):
        run(ablation({"slow": arms["slow"], "third": arms["fast"]}, seeds=3), home)


def test_a_trained_cell_is_used_again_by_another_study_at_no_cost(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    first = ablation({"a": '{ "outer.lr" = 0.01 }', "b": '{ "outer.lr" = 0.1 }'}, seeds=1, name="first")
    second = ablation({"other": '{ "outer.lr" = 0.1 }', "new": '{ "outer.lr" = 0.2 }'}, seeds=1, name="second")
    assert run(first, home).reused == 0
    assert run(second, home).reused == 1
    assert run(second, home).reused == 1  # counted also at a start that trains nothing
    assert check_stores(home, second, 2) == {"complete": 2}
    origin = next(one for one in mlflow_runs(home, "first") if one.data.tags["arm"] == "b")
    again, new = mlflow_runs(home, "second")
    assert again.data.tags["reused_from"] == origin.info.run_id
    assert "reused_from" not in new.data.tags
    assert again.data.metrics == origin.data.metrics
    page, written = overview(home, "second", print), io.StringIO()
    console = Console(file=written, width=120)
    assert page.reused == read_study(home, "second").overview.reused == 1
    for part in (study_page(page), studies_table([page])):
        console.print(part)
    result = open_study("second", home=home)
    print_result(result, console)
    assert "ablation, 2 runs (2 complete, 1 reused)" in repr(result)
    assert written.getvalue().count("2 complete (1 reused)") == 2
    assert "1 of 2 runs was trained before (same settings, seed and data)" in written.getvalue()
    seen: list[StudyProgress] = []
    run(ablation({"x": '{ "outer.lr" = 0.01 }', "y": '{ "outer.lr" = 0.1 }'}, seeds=1, name="third"), home, seen.append)
    assert {progress.remaining for progress in seen} == {None}  # nothing was trained to tell the time by


def test_the_score_of_a_trial_with_three_seeds_is_their_mean(tmp_path: Path) -> None:
    from study.spec.parsing import parse_spec

    home = fresh_home(tmp_path)
    text = search(3).spec_text.replace("seed = 3", "seed = 3\nseeds_per_trial = 3")
    config = parse_spec(text[: text.index("[pruner]")] + text[text.index("[budget]") :])
    last = run(config, home)
    assert last.counts == {"complete": 9}
    assert check_stores(home, config, 3) == {"complete": 9}
    runs = mlflow_runs(home, "hunt")
    for trial in optuna_trials(home, "hunt"):
        scores = [one.data.metrics["best_val_accuracy"] for one in runs if int(one.data.tags["trial"]) == trial.number]
        assert trial.value == pytest.approx(sum(scores) / 3)


def test_a_changed_spec_is_refused_with_what_changed(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    run(search(1), home)
    from study.spec.parsing import parse_spec

    changed = parse_spec(search(1).spec_text.replace("high = 1e-1", "high = 1.0").replace('"median"', '"percentile"'))
    with pytest.raises(StudyChanged) as refused:
        run(changed, home)
    assert "pruner.name: was 'median', is now 'percentile'" in str(refused.value)
    assert "outer.lr.high: was 0.1, is now 1.0" in str(refused.value)
    assert check_stores(home, search(1), 1) == {"complete": 1}


def test_a_second_driver_is_told_who_holds_the_study(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    with (
        driver_lock(home.locks / "hunt.lock", "hunt"),
        pytest.raises(DriverBusy, match=r'study "hunt" is being run by host .*, process \d+, since 20'),
    ):
        run(search(1), home)


def test_a_driver_of_another_machine_with_the_same_store_is_told_apart_by_whether_it_still_gives_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock is 90 s behind while it lives, and a day ahead when it is dead."""
    monkeypatch.setattr(heartbeat, "DEAD_SECONDS", 2.0)
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1)
    run(config, home)
    client = open_mlflow(home)
    experiment = client.get_experiment_by_name("arms").experiment_id
    parent = client.search_runs([experiment], "tags.role = 'study'")[0].info.run_id
    with far_driver(client, parent, clock=-90.0):
        with pytest.raises(
            DriverBusy, match=r'"arms" is being run by host far, process 7, since noon, whose heartbeat is current'
        ):
            run(config, home)
        with pytest.raises(DriverBusy, match="is being run by host far, process 7, since noon"):
            retry_failed(home, "arms")
    client.set_tag(parent, TAG, far_sign(time.time() + 86400))
    assert run(config, home).finished
    assert client.get_run(parent).data.tags[TAG] == ""


def test_the_seed_of_a_samplers_draw_depends_on_study_and_trial_alone() -> None:
    assert sampler_seed(0, 1) == 0xA93875FE  # sha256("0/1"); another value would change started searches
    assert len({sampler_seed(study, trial) for study in range(3) for trial in range(3)}) == 9


def test_a_trials_name_is_short_and_says_what_was_searched() -> None:
    params = {"inner.steps": 5, "msl": "on", "msl.schedule": "linear", "lslr": "off", "inner.lr": 0.12345}
    assert search_label(12, params, "maml") == "trial-012 maml S=5 msl=linear lslr=off lr=0.12"
    assert len(search_label(1, {f"section.field{n}": 0.5 for n in range(40)}, None)) <= 90


def test_a_run_whose_checkpoint_the_driver_does_not_see_is_not_complete(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1, retries=0)
    elsewhere = "tests.study_tests.stand_in:train_elsewhere"
    last = run(config, home, trainer=elsewhere)
    assert last.counts == {"failed": 2}
    assert sum("its checkpoint is not in the home" in message for message in last.messages) == 2
    assert retry_failed(home, "arms") == 2
    thrown_away = parse_spec(config.spec_text.replace("retries = 0", 'retries = 0\nkeep = "none"'))
    assert run(thrown_away, home, trainer=elsewhere).counts == {"complete": 2}
