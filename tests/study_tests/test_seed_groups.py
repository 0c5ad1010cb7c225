"""Trials of several seeds: their score, and the pruner that stops them between seeds."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reports.records import StudyInfo
from reports.statistics.estimate import lower_bound
from reports.statistics.summary import summarise
from study.mlflow_ui.summaries import write_summaries
from study.results import load
from study.spec.config import StudyConfig
from study.spec.parsing import parse_spec
from study.spec.seed_groups import group_score, group_value
from study.stores.connect import open_mlflow
from study.stores.home import Home

from .store_rows import LOADER, SEARCH, TRAINER, check_stores, fresh_home, mlflow_runs, optuna_trials, outcomes, run
from .test_faults import KILLER


def groups(trials: int = 5, workers: int = 1, score: str = "mean", seeds: int = 5) -> StudyConfig:
    """Return a search by the default pruner of so many seeds."""
    text = SEARCH.format(trials=trials, workers=workers)
    text = text[: text.index("[pruner]")] + text[text.index("[budget]") :]
    return parse_spec(text.replace("seed = 3", f'seed = 3\nseeds_per_trial = {seeds}\nscore = "{score}"'))


def test_the_lower_bound_is_that_of_the_one_sided_t_interval() -> None:
    """Mean 0.5, sd 0.1, n = 3: t(0.95, 2) = 2.920, so 0.5 - 2.920 * 0.1 / sqrt(3)."""
    assert lower_bound([0.4, 0.5, 0.6]) == pytest.approx(0.5 - 2.919986 * 0.1 / 3**0.5)
    assert group_score([0.4, 0.5, 0.6], "mean") == pytest.approx(0.5)
    assert lower_bound([0.5]) == float("-inf")
    assert group_value({1: ("complete", 0.4), 2: ("diverged", None)}, "mean") is None


@pytest.mark.parametrize("score", ["mean", pytest.param("lower_bound", marks=pytest.mark.slow)])
def test_a_trial_that_is_worse_with_its_first_seeds_is_stopped_and_its_estimate_kept(
    tmp_path: Path, score: str
) -> None:
    home, config = fresh_home(tmp_path), groups(score=score)
    last = run(config, home)
    trials = optuna_trials(home, "hunt")
    stopped = [trial for trial in trials if "mamlab.stopped" in trial.user_attrs]
    whole = [trial for trial in trials if trial not in stopped]
    assert last.finished
    assert stopped
    assert last.counts == {"complete": sum(map(_seeds, trials))} == check_stores(home, config, 5)
    assert last.planned == last.counts["complete"]
    for trial in trials:
        scores = [trial.intermediate_values[step] for step in sorted(trial.intermediate_values)]
        assert trial.state.name == "COMPLETE"
        assert _seeds(trial) == trial.user_attrs.get("mamlab.stopped", 5) == len(scores)
        known = max((t.value for t in whole if t.number < trial.number), default=1.0)
        expected = group_score(scores, config.study.score)
        assert trial.value == pytest.approx(min(expected, known) if trial in stopped else expected)
    assert {_seeds(trial) for trial in whole} == {5}
    assert {_seeds(trial) for trial in stopped} <= {
        3,
        4,
    }  # two seeds cannot reach p < 0.15, after the fifth nothing is saved
    assert last.best_value == max(trial.value for trial in whole) == max(trial.value for trial in trials)


def _seeds(trial: object) -> int:
    return sum(name.startswith("mamlab.result.") for name in trial.user_attrs)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("key", "when"),
    [
        *(pytest.param(*case, marks=pytest.mark.slow) for case in [
            ("mamlab.verdict", "after"), ("mamlab.verdict", "before"),
            ("mamlab.result.6", "before"), ("mamlab.result.6", "after"),
            ("mamlab.stopped", "before"), ("mamlab.stopped", "after"),
        ]),
    ],
)  # fmt: skip
def test_a_driver_killed_between_two_seeds_goes_on_as_if_nothing_had_been(tmp_path: Path, key: str, when: str) -> None:
    """Seed 6 is a trial's fourth."""
    config = groups()
    calm, rough = _home(tmp_path / "calm"), _home(tmp_path / "rough")
    run(config, calm)
    spec = tmp_path / "spec.toml"
    spec.write_text(config.spec_text)
    kill = "len(calls) == 1 and os.kill(os.getpid(), signal.SIGKILL)"
    commands = {"before": "pass", "after": "pass"} | {when: kill}
    code = KILLER.format(
        method="set_trial_user_attr",
        key=key,
        home=str(rough.root),
        spec=str(spec),
        trainer=TRAINER,
        loader=LOADER,
        **commands,
    )
    killed = subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert run(config, rough).finished
    assert outcomes(rough, "hunt") == outcomes(calm, "hunt")
    assert check_stores(rough, config, 5) == check_stores(calm, config, 5)


def _home(folder: Path) -> Home:
    folder.mkdir()
    return fresh_home(folder)


def test_a_report_says_which_trials_were_stopped_and_each_trial_has_a_summary_run(tmp_path: Path) -> None:
    from reports.document import compose
    from reports.render.markdown import to_markdown

    home, config = fresh_home(tmp_path), groups(score="lower_bound")
    run(config, home)
    info, records = load("hunt", home)
    parent = mlflow_runs(home, "hunt")[0].data.tags["mlflow.parentRunId"]
    client = open_mlflow(home)
    for _ in range(2):
        write_summaries(client, info, summarise(records, info), parent)
    shown = {s.data.tags["trial"]: s for s in client.search_runs([info.experiment_id], "tags.role = 'summary'")}
    trials = {f"{trial.number:04d}": trial for trial in optuna_trials(home, "hunt")}
    assert shown.keys() == trials.keys()
    for key, trial in trials.items():
        early = "mamlab.stopped" in trial.user_attrs
        assert shown[key].data.metrics["n"] == _seeds(trial)
        assert shown[key].data.tags["mamlab.state"] == ("pruned" if early else "complete")
        assert shown[key].info.run_name == f"{trial.user_attrs['label']} (mean over {_seeds(trial)} seeds)"
        if not early:
            assert shown[key].data.metrics["score"] == pytest.approx(100 * trial.value, abs=0.006)
    text = to_markdown(compose(records, info))
    best = max(trials.values(), key=lambda trial: trial.value)
    assert isinstance(info, StudyInfo)
    counts = {_seeds(trial) for trial in trials.values() if "mamlab.stopped" in trial.user_attrs}
    assert counts
    assert counts <= {3, 4}
    assert all(f"stopped after {seeds} seeds" in text for seeds in counts)
    assert "lower end of the one-sided 95 % t interval" in text
    assert f"is trial {best.number} with" in text
