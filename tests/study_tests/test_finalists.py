"""The best trials of a search are ranked by their accuracy on validation tasks that neither sampler nor pruner saw."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from reports import records
from reports.statistics.summary import summarise_search
from study.cli.main import run as command
from study.engine.attributes import HELD_OUT
from study.engine.driver import run_study
from study.engine.journal import Journal, RunKey
from study.engine.progress import StudyProgress
from study.engine.status import read_study
from study.followup import promote, read_search
from study.repair.diagnosis import diagnose
from study.repair.state import read_stored
from study.results import load
from study.spec.config import SpecError, StudyConfig
from study.spec.parsing import parse_spec
from study.stores.home import Home
from study.workers.jobs import Finished
from trainers.checkpoint import CheckpointFolder
from trainers.data import load as load_data
from trainers.data.episodes import EpisodeStream
from trainers.evaluation import Snapshot, evaluate
from trainers.results import TrainResult
from trainers.training import fit
from trainers.training_run import HELD_OUT as PER_TASK
from trainers.training_run import TrainingRun

from .store_rows import fresh_home, local_workers, optuna_trials

SPEC = """
[study]
name = "{name}"
{study}
[data]
source = "glyphs"
[trainer]
preset = "maml"
device = "cpu"
model.filters = 4
inner.steps = 1
episodes.tasks = 2
budget = {{ epochs = 2, iterations = 2 }}
evaluation = {{ val_tasks = 4, top_k = 1 }}
[space]
"outer.lr" = {{ low = 1e-4, high = 1e-1, log = true }}
"inner.lr" = {{ low = 0.01, high = 0.9, log = true }}
[sampler]
name = "random"
[pruner]
name = "none"
[budget]
trials = {trials}
[execution]
workers = 1
keep = "{keep}"
"""


def small(trials: int = 6, study: str = "", keep: str = "best", name: str = "small") -> StudyConfig:
    """Return a search that really trains, with few and therefore noisy validation tasks."""
    return parse_spec(SPEC.format(trials=trials, study=study, keep=keep, name=name))


def start(config: StudyConfig, home: Home) -> StudyProgress:
    return run_study(config, home, lambda progress: None, executor=local_workers(1))


def metrics(home: Home, study: str = "small") -> dict[int, tuple[float, float | None]]:
    """Return each trial's accuracy in the search and on held-out tasks, as MLflow has them."""
    return {
        int(run.trial or 0): (run.metrics["best_val_accuracy"], run.metrics.get(records.HELD_OUT_ACCURACY))
        for run in load(study, home)[1]
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, glyphs_folder: Path) -> Home:
    """Return the home of a search of six trials, of which the best five are ranked by held-out accuracy."""
    home = fresh_home(tmp_path_factory.mktemp("small"))
    home.data.symlink_to(glyphs_folder, target_is_directory=True)
    assert start(small(), home).counts == {"complete": 6}
    return home


def expected(found: dict[int, tuple[float, float | None]], few: int = 5) -> list[int]:
    own = sorted(found, key=lambda number: (-found[number][0], number))
    return [*sorted(own[:few], key=lambda number: -(found[number][1] or math.nan)), *own[few:]]


def test_the_best_are_ranked_by_held_out_accuracy_everywhere(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    found = metrics(home)
    ranked = expected(found)
    assert ranked != expected(found, few=0)  # else nothing is shown here
    info, runs = load("small", home)
    assert [trial.number for trial in summarise_search(runs, info).trials] == ranked
    assert start(small(), home).best_value == found[ranked[0]][0]

    where = ["--home", str(home.root)]
    assert command(["report", "small", "--json", *where]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["best"], told["finalists"]) == (ranked[0], ranked[:5])
    assert {one["trial"]: one["held_out"] for one in told["trials"]} == {n: held for n, (_, held) in found.items()}
    page = (home.reports / "small" / "report.md").read_text()
    assert f"On held-out validation tasks, trial {ranked[0]} has the highest accuracy of the 5 best trials, " in page
    assert f"Trial {expected(found, few=0)[0]}, the best by the search's own score, has " in page
    assert command(["verify", str(home.reports / "small"), *where]) == 0
    capsys.readouterr()
    assert command(["status", "small", *where]) == 0
    assert f"trial-{ranked[0]:03d}" in capsys.readouterr().out
    best = read_study(home, "small").best
    assert best is not None
    assert f"trial-{ranked[0]:03d}" in best.label

    _, config = promote(read_search("small", home), home, 2, 2, "again")
    assert config.ablation is not None
    assert config.ablation.origin is not None
    trials = config.ablation.origin.trials
    assert [(trials[name].number, trials[name].rank) for name in trials] == [(ranked[0], 1), (ranked[1], 2)]


def test_optuna_has_it_too_and_nothing_disagrees(home: Home) -> None:
    stored = {trial.number: trial.user_attrs[f"{HELD_OUT}0"] for trial in optuna_trials(home, "small")}
    assert stored == {number: held_out for number, (_, held_out) in metrics(home).items()}
    assert not diagnose(read_stored(home, "small"))


def test_the_tasks_are_those_after_the_ones_that_the_search_sees(home: Home) -> None:
    _, runs = load("small", home)
    config, data = small(), load_data(small().data, home.data)
    assert config.space is not None
    trained = config.method.from_settings(runs[0].params)
    state = CheckpointFolder(home.checkpoints / runs[0].fingerprint).load()
    assert state is not None
    run = TrainingRun(trained, 0, data)
    best = Snapshot(0, 0.0, state["best"][0]["weights"], state["best"][0]["statistics"])
    stream = EpisodeStream(data, "val", trained.episodes, 0)
    ((scores,),) = evaluate(run.learner, [best], stream, 4 * PER_TASK, run.evaluated_at_once, first=4).values()
    assert runs[0].metrics[records.HELD_OUT_ACCURACY] == pytest.approx(scores.mean_accuracy, abs=1e-12)
    assert runs[0].metrics[records.HELD_OUT_ACCURACY_SE] == pytest.approx(scores.standard_error, abs=1e-12)
    assert runs[0].metrics[records.HELD_OUT_TASKS] == 4 * PER_TASK
    assert fit(trained, 0, data, test=False).held_out_accuracy is None


def test_optunas_store_is_rebuilt_with_it(home: Home, tmp_path: Path) -> None:
    before = [trial.user_attrs for trial in optuna_trials(home, "small")]
    home.optuna_db.rename(tmp_path / "optuna.db")
    try:
        assert start(small(), home).counts == {"complete": 6}
        after = [trial.user_attrs for trial in optuna_trials(home, "small")]
    finally:
        (tmp_path / "optuna.db").replace(home.optuna_db)
    assert [attrs[f"{HELD_OUT}0"] for attrs in after] == [attrs[f"{HELD_OUT}0"] for attrs in before]


@pytest.mark.slow
def test_a_trial_that_is_added_and_whose_checkpoints_are_not_kept_is_scored_on_each_of_its_seeds(
    tmp_path: Path,
) -> None:
    home = fresh_home(tmp_path)
    for trials in (1, 2):
        start(small(trials, "seeds_per_trial = 2", keep="none"), home)
    info, runs = load("small", home)
    assert not list(home.checkpoints.glob("*/*.ckpt"))
    for trial in summarise_search(runs, info).finalists:
        values = [run.metrics[records.HELD_OUT_ACCURACY] for run in trial.records]
        errors = [run.metrics[records.HELD_OUT_ACCURACY_SE] for run in trial.records]
        assert trial.held_out is not None
        assert trial.held_out.mean == pytest.approx(sum(values) / 2)
        assert trial.held_out.se == pytest.approx(math.hypot(*errors) / 2)
        assert trial.held_out.tasks == 2 * 4 * PER_TASK
        attrs = optuna_trials(home, "small")[trial.number or 0].user_attrs
        assert [attrs[f"{HELD_OUT}{seed}"] for seed in (0, 1)] == values
    assert {trial.number for trial in summarise_search(runs, info).finalists} == {0, 1}


@pytest.mark.slow
def test_a_training_of_another_study_is_scored_without_being_trained_again(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    start(small(2, "finalists = 0"), home)
    info, runs = load("small", home)
    assert not any(name in run.metrics for run in runs for name in (records.HELD_OUT_ACCURACY, records.HELD_OUT_TASKS))
    assert summarise_search(runs, info).finalists == ()
    assert not any(HELD_OUT in name for trial in optuna_trials(home, "small") for name in trial.user_attrs)

    start(small(2, name="again"), home)
    info, again = load("again", home)
    assert [records.TAG_REUSED_FROM in run.tags for run in again] == [True, True]
    assert {trial.number for trial in summarise_search(again, info).finalists} == {0, 1}


def test_only_searches_of_mamlpp_have_finalists() -> None:
    slope = 'use = "tests.study_tests.slope_method:METHOD"'
    search = (
        '[study]\nname = "a"\n{}[method]\n'
        + slope
        + '\n[data]\nsource = "glyphs"\n[space]\nrate = {{ low = 0.1, high = 0.9 }}\n[budget]\ntrials = 2'
    )
    assert parse_spec(search.format("")).finalists == 0
    with pytest.raises(SpecError, match=r"study\.finalists: Slope has no held-out validation tasks; leave it out"):
        parse_spec(search.format("finalists = 3\n"))
    with pytest.raises(SpecError, match=r"study\.finalists: only a search uses this"):
        parse_spec('[study]\nname = "a"\nfinalists = 3\n[data]\nsource = "glyphs"')


@pytest.mark.parametrize(
    "held_out", [{"held_out_accuracy": 0.25, "held_out_accuracy_se": 0.0625, "held_out_tasks": 16}, {}]
)
def test_a_result_that_waits_in_the_journal_keeps_it(held_out: dict[str, Any], tmp_path: Path) -> None:
    """A result that an earlier version wrote there has none."""
    result = Finished(TrainResult(1, 0.5, (1,), {}, 2.0, **held_out))
    journal, key = Journal(tmp_path / "small.jsonl"), RunKey(0, 0, "f")
    journal.add(key, [result])
    if not held_out:
        line = journal.path.read_text().strip()
        entry = json.loads(line)
        for name in [name for name in entry["event"][0]["result"] if "held_out" in name]:
            del entry["event"][0]["result"][name]
        journal.path.write_text(json.dumps(entry) + "\n")
    assert journal.read() == {key: [result]}
