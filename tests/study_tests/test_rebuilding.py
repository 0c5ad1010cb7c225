"""Optuna's store is lost, set aside or an older copy: a start makes its trials again from MLflow's runs, as they
were.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import RDBStorage

from study.cli.main import run as mamlab
from study.engine.plan import StudyChanged
from study.engine.progress import StudyProgress
from study.repair.retrying import retry_failed
from study.results import load
from study.spec.config import StudyConfig
from study.spec.parsing import load_spec, parse_spec
from study.stores.connect import open_mlflow
from study.stores.home import Home
from tests.homes import unpack

from .store_rows import ablation, check_stores, fresh_home, mlflow_runs, optuna_trials, run, search
from .test_foreign_trials import notebook
from .test_seed_groups import groups

ARMS = {"a": "{}", "b": '{ "outer.lr" = 0.1 }', "c": '{ "outer.lr" = 0.2 }'}
HALVING = search(trials=12, workers=1).spec_text.replace('"median"', '"successive_halving"')
HALVING = "".join(line for line in HALVING.splitlines(keepends=True) if not line.startswith(("n_startup", "n_warmup")))
SWITCHED = HALVING.replace(
    "[sampler]", 'msl = { choices = ["on", "off"] }\n"msl.epochs" = { low = 2, high = 4 }\n[sampler]'
)
PRESETS = HALVING.replace('name = "hunt"', 'name = "hunt"\nenqueue = ["maml", "mamlpp"]').replace(
    "high = 5", "high = 8"
)
STUDIES: dict[str, StudyConfig] = {
    "median": search(trials=12, workers=1),
    "halving": parse_spec(HALVING),
    "seed by seed": groups(trials=5),
    "ablation": ablation(ARMS, workers=1),
}


SLOW = pytest.mark.slow


def told(home: Home, name: str) -> list[Any]:
    """Return what a rebuilt store must have as it was of each trial.

    (Left out: what a sampler remembers of its draw.)
    """
    return [
        (
            one.number,
            one.state.name,
            one.params,
            one.distributions,
            one.values,
            one.intermediate_values,
            {key: value for key, value in one.user_attrs.items() if key != "mamlab.ours"},
            {
                key: value
                for key, value in one.system_attrs.items()
                if not key.startswith("tpe:") and key != "fixed_params"
            },
        )
        for one in optuna_trials(home, name)
    ]


def set_aside(home: Home) -> None:
    """Do as a user who moves the file away; an empty store is put there, as making one takes seconds."""
    home.optuna_db.rename(home.root / "aside.db")
    for ending in ("-wal", "-shm"):
        home.optuna_db.with_name(f"optuna.db{ending}").unlink(missing_ok=True)
    other = home.root / "empty"
    other.mkdir(exist_ok=True)
    shutil.copy(fresh_home(other).optuna_db, home.optuna_db)


def stop_after(ended: int) -> Callable[[StudyProgress], None]:
    """Return what a driver shows itself to, which presses Ctrl-C in the midst of a run after so many have ended."""
    pressed: list[int] = []

    def show(progress: StudyProgress) -> None:
        if (
            sum(progress.counts.get(one, 0) for one in ("complete", "pruned")) >= ended
            and any(1 < row.epoch < 4 for row in progress.running)
            and not pressed
        ):
            pressed.append(1)
            os.kill(os.getpid(), signal.SIGINT)

    return show


@pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=SLOW if one in ("median", "seed by seed") else ()) for one in STUDIES]
)
def test_a_complete_study_is_as_it_was_and_nothing_is_trained(tmp_path: Path, kind: str) -> None:
    home, config = fresh_home(tmp_path), STUDIES[kind]
    before = run(config, home)
    name = config.study.name
    trials, runs = told(home, name), [one.to_dictionary() for one in mlflow_runs(home, name)]
    set_aside(home)
    last = run(config, home)
    assert (last.finished, last.counts, last.best_value, last.best_label) == (
        True, before.counts, before.best_value, before.best_label,
    )  # fmt: skip
    assert told(home, name) == trials
    assert [one.to_dictionary() for one in mlflow_runs(home, name)] == runs
    assert last.notes == (f"Optuna's database has no study of this name; rebuilt from MLflow's {len(runs)} runs",)
    assert run(config, home).notes == ()
    assert mamlab(["doctor", name, "--home", str(home.root)]) == 0


@pytest.mark.parametrize(
    ("kind", "ended"),
    [
        pytest.param("median", 5, marks=SLOW),
        ("halving", 6),
        pytest.param("seed by seed", 7, marks=SLOW),
        pytest.param("ablation", 4, marks=SLOW),
    ],
)
def test_a_study_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path, kind: str, ended: int) -> None:
    config = STUDIES[kind]
    calm, rough = (fresh_home(_made(tmp_path / name)) for name in ("calm", "rough"))
    whole = run(config, calm)
    assert run(config, rough, stop_after(ended)).interrupted
    assert any(one.data.tags["mamlab.state"] == "interrupted" for one in mlflow_runs(rough, config.study.name))
    set_aside(rough)
    last = run(config, rough)
    assert (last.finished, last.counts, last.best_value) == (True, whole.counts, whole.best_value)
    assert told(rough, config.study.name) == told(calm, config.study.name)
    assert check_stores(rough, config, len(optuna_trials(calm, config.study.name)))
    assert any("resumed" in one.data.tags for one in mlflow_runs(rough, config.study.name))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "config", [parse_spec(SWITCHED), pytest.param(parse_spec(PRESETS), marks=SLOW)], ids=["conditional", "presets"]
)
def test_only_what_was_asked_for_and_what_was_enqueued_come_back(tmp_path: Path, config: StudyConfig) -> None:
    home = fresh_home(tmp_path)
    run(config, home)
    trials = told(home, "hunt")
    assert len({len(one[2]) for one in trials}) > 1 or config.enqueued
    set_aside(home)
    assert run(config, home).finished
    assert told(home, "hunt") == trials


@pytest.mark.parametrize(
    "number", [pytest.param(0, marks=SLOW), pytest.param(1, marks=SLOW), 4, pytest.param(11, marks=SLOW)]
)
def test_a_rebuild_that_dies_is_gone_on_with(tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies before it writes trial `number`."""
    home, config = Home(shutil.copytree(_halved().root, tmp_path / "home")), STUDIES["halving"]
    trials = told(home, "hunt")
    set_aside(home)
    with monkeypatch.context() as patched:
        create = RDBStorage._create_new_trial

        def dying(self: RDBStorage, study_id: int, template: Any = None) -> Any:
            if len(self.get_all_trials(study_id)) == number:
                raise KeyboardInterrupt
            return create(self, study_id, template)

        patched.setattr(RDBStorage, "_create_new_trial", dying)
        with pytest.raises(KeyboardInterrupt):
            run(config, home)
    assert len(optuna_trials(home, "hunt")) == number
    assert run(config, home).counts["complete"] > 0
    assert told(home, "hunt") == trials


@cache
def _halved() -> Home:
    """Return the home of a search that has ended, not to be touched."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    home = fresh_home(folder)
    assert run(STUDIES["halving"], home).finished
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(shutil.copytree(_halved().root, tmp_path / "home"))


def test_an_older_copy_is_completed(home: Home) -> None:
    trials = told(home, "hunt")
    with closing(sqlite3.connect(home.optuna_db)) as database:
        for table in ("params", "values", "user_attributes", "system_attributes", "intermediate_values"):
            database.execute(f"DELETE FROM trial_{table} WHERE trial_id > 5")
        database.execute("DELETE FROM trials WHERE trial_id > 5")
        database.commit()
    last = run(STUDIES["halving"], home)
    assert last.notes == ("Optuna's database has no trials from number 5 on; rebuilt from MLflow's 7 runs",)
    assert told(home, "hunt") == trials


def test_doctor_says_it_and_mends_it(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    trials, place = told(home, "hunt"), ["--home", str(home.root)]
    set_aside(home)
    home.optuna_db.unlink()
    said = "Optuna's database has no study of this name; the next start rebuilds the trials from MLflow's 12 runs"
    mamlab(["status", *place])  # which rewrites the locations of a home that was copied
    capsys.readouterr()
    for fix in ([], ["--fix"]):
        assert mamlab(["doctor", "hunt", "--json", *fix, *place]) == (0 if fix else 1)
        assert home.optuna_db.exists() == bool(fix)  # a look changes nothing
        (found,) = json.loads(capsys.readouterr().out)["disagreements"]
        assert (found["what"], found["mended"]) == (said, bool(fix))
    assert told(home, "hunt") == trials


def test_another_spec_is_refused_before_anything_is_written(home: Home) -> None:
    set_aside(home)
    for old, new, said in (
        ("high = 5", "high = 6", "inner.steps.high: was 5, is now 6"),
        ("seed = 3", "seed = 4", "study.seed: was 3, is now 4"),
    ):
        with pytest.raises(StudyChanged, match=said):
            run(parse_spec(HALVING.replace(old, new)), home)
    with pytest.raises(KeyError):
        optuna_trials(home, "hunt")
    next(home.artifacts.rglob("spec.toml")).unlink()  # the runs themselves still say it
    with pytest.raises(
        StudyChanged, match=r'run "trial-\d+ .*its settings in MLflow are outside the spec\'s search space: outer.lr = '
    ):
        run(parse_spec(HALVING.replace("high = 1e-1", "high = 2e-4")), home)
    with pytest.raises(StudyChanged, match=r"it is in MLflow with budget.epochs = 4, but the spec gives 5"):
        run(parse_spec(HALVING.replace("epochs = 4", "epochs = 5")), home)
    assert run(STUDIES["halving"], home).finished


def test_another_tool_that_has_taken_the_name_is_named(home: Home) -> None:
    set_aside(home)
    optuna.create_study(study_name="hunt", storage=home.optuna_url, direction="maximize")
    other = notebook(home, "hunt")
    other.tell(other.ask(), 1.0)
    with pytest.raises(ValueError, match="has 1 trials of this name that another tool made and none from mamlab"):
        run(STUDIES["halving"], home)


def test_numbers_that_were_another_tool_s_stay_free(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), search(trials=4, workers=1)
    run(config, home)
    other = notebook(home, "hunt")
    other.tell(other.ask(), 9.0)
    config = search(trials=6, workers=1)
    last = run(config, home)
    numbers = [int(one.data.tags["trial"]) for one in mlflow_runs(home, "hunt")]
    assert numbers == [0, 1, 2, 3, 5, 6]
    set_aside(home)
    again = run(config, home)
    assert (again.finished, again.counts, again.planned) == (True, last.counts, 6)
    assert [int(one.data.tags["trial"]) for one in mlflow_runs(home, "hunt")] == numbers
    assert len(again.notes) == 1
    assert load("hunt", home)[0].missing == ""
    assert mamlab(["doctor", "hunt", "--home", str(home.root)]) == 0


@SLOW
def test_what_was_run_again_counts_once_and_is_not_repeated(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    arms = {"a": "{}", "bad": '{ "outer.beta1" = 0.83 }'}
    config = ablation(arms, retries=0)
    run(config, home)
    assert retry_failed(home, "arms") == 2
    last = run(config, home)
    set_aside(home)
    again = run(config, home)
    assert (again.counts, again.planned) == (last.counts, 4) == ({"complete": 2, "failed": 2}, 4)
    assert len(mlflow_runs(home, "arms")) == 4
    set_aside(home)
    assert retry_failed(home, "arms") == 2
    assert run(config, home).counts == last.counts


@SLOW
def test_a_search_s_retry_is_known_and_one_that_waits_is_made(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    config = parse_spec(
        HALVING.replace("\n[space]", '\n[space]\n"outer.beta1" = { choices = [0.83, 0.9] }') + "retries = 0\n"
    )
    failed = run(config, home).counts["failed"]
    assert failed
    assert retry_failed(home, "hunt") == failed
    last = run(config, home)
    trials = told(home, "hunt")
    set_aside(home)
    assert run(config, home).counts == last.counts
    assert told(home, "hunt") == trials
    assert retry_failed(home, "hunt") == last.counts["failed"] > 0
    set_aside(home)
    again = run(config, home)
    assert (again.counts, again.planned) == (last.counts, last.planned)


def test_two_workers_leave_gaps_which_are_filled(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation(ARMS, seeds=3)
    run(config, home)
    client = open_mlflow(home)
    gone = mlflow_runs(home, "arms")[4]
    client.set_tag(gone.info.run_id, "role", "another's")
    set_aside(home)
    last = run(config, home)
    assert (last.counts, last.planned) == ({"complete": 9}, 9)
    again = mlflow_runs(home, "arms")[4]
    assert (again.data.tags["trial"], again.data.tags["cell"]) == ("0004", gone.data.tags["cell"])
    assert again.data.metrics["best_val_accuracy"] == gone.data.metrics["best_val_accuracy"]


@pytest.mark.parametrize(
    ("spec", "command", "count"),
    [
        pytest.param("search", "search", 10, marks=SLOW),
        pytest.param("ablation", "ablate", 9, marks=SLOW),
        pytest.param("stopped", "ablate", 12, marks=SLOW),
    ],
)
def test_the_home_of_the_version_before_is_rebuilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, command: str, count: int
) -> None:
    folder = unpack(tmp_path)
    monkeypatch.chdir(folder)
    home, config = Home(folder / "runs"), load_spec(Path(f"{spec}.toml"))
    name = config.study.name
    before = [one for one in told(home, name) if one[1] != "WAITING"]
    ended = {one.info.run_id: one.info.end_time for one in mlflow_runs(home, name) if one.info.end_time}
    home.optuna_db.rename(folder / "aside.db")
    assert mamlab([command, f"{spec}.toml", "--home", "runs", "--quiet"]) == 0
    assert told(home, name)[: len(before)] == before
    assert check_stores(home, config, count).total() == count
    now = {one.info.run_id: one.info.end_time for one in mlflow_runs(home, name)}
    assert ended.items() <= now.items()


@SLOW
@pytest.mark.parametrize("sampler", ["random", "qmc", "gp", "nsgaii", "cmaes"])
def test_with_any_sampler_a_stopped_search_goes_on(tmp_path: Path, sampler: str) -> None:
    """Of `nsgaii` and `cmaes` the sampler's own state is lost, so that what follows may be drawn otherwise."""
    config = parse_spec(HALVING.replace('"tpe"', f'"{sampler}"'))
    calm, rough = (fresh_home(_made(tmp_path / name)) for name in ("calm", "rough"))
    run(config, calm)
    run(config, rough, stop_after(6))
    before = [one for one in told(rough, "hunt") if one[1] != "WAITING"]
    set_aside(rough)
    assert run(config, rough).finished
    assert check_stores(rough, config, 12)
    plain = [[one[2:6] for one in told(home, "hunt")] for home in (calm, rough)]
    assert plain[1][: len(before)] == [one[2:6] for one in before]
    assert plain[0] == plain[1] or sampler in ("nsgaii", "cmaes")


@SLOW
@pytest.mark.parametrize("pruner", ["hyperband", "percentile", "patient"])
def test_any_pruner_s_notes_are_made_again(tmp_path: Path, pruner: str) -> None:
    home, config = (
        fresh_home(tmp_path),
        parse_spec(
            HALVING.replace(
                '"successive_halving"', f'"{pruner}"' + ("\npercentile = 30.0" if pruner == "percentile" else "")
            )
        ),
    )
    run(config, home)
    trials = told(home, "hunt")
    set_aside(home)
    run(config, home)
    assert told(home, "hunt") == trials


@SLOW
def test_what_several_workers_trained_at_once_comes_back(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), search(trials=12, workers=2)
    run(config, home)
    trials = [one[:6] for one in told(home, "hunt")]
    set_aside(home)
    assert run(config, home).finished
    assert [one[:6] for one in told(home, "hunt")] == trials
