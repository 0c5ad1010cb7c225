"""One MLflow run an arm, brought up to date and not doubled."""

from dataclasses import replace
from pathlib import Path

from mlflow import MlflowClient

from reports.records import Family, StudyInfo
from reports.statistics.summary import summarise
from study.mlflow_ui.summaries import write_summaries
from tests.reports_tests import example

from .store_rows import fresh_home


def test_each_arm_has_one_summary_run_with_its_mean_interval_difference_and_p(tmp_path: Path) -> None:
    client = MlflowClient(fresh_home(tmp_path).mlflow_url)
    experiment = client.create_experiment("s", artifact_location=tmp_path.as_uri())
    info = StudyInfo("s", "ablation", experiment, families=(Family("arms against A", (("B", "A"),)),))
    records = [
        example.record(i, arm=arm, seed=seed, accuracy=accuracy, per_task={})
        for i, (arm, seed, accuracy) in enumerate([("A", 0, 0.5), ("A", 1, 0.7), ("B", 0, 0.6), ("B", 1, 0.9)])
    ]
    write_summaries(client, info, summarise(records[:3], info), "parent")
    write_summaries(client, info, summarise(records, info), "parent")
    runs = client.search_runs([experiment], "tags.role = 'summary'")
    found = {run.data.tags["arm"]: run.data for run in runs}
    assert len(runs) == len(found) == 2
    assert found["B"].tags["mlflow.parentRunId"] == "parent"
    # Differences 0.1 and 0.2: mean 0.15; two pairs cannot have a p below 2 / 2^2.
    expected = {"acc": 75.0, "diff": 15.0, "p": 0.5, "p_adj": 0.5, "p_holm": 0.5, "n": 2}
    assert {name: round(found["B"].metrics[name], 9) for name in expected} == expected
    assert "diff" not in found["A"].metrics
    write_summaries(client, replace(info, families=()), summarise(records[:2], replace(info, families=())), "parent")
    assert [run.data.tags["arm"] for run in client.search_runs([experiment], "tags.role = 'summary'")] == ["A"]


def test_an_arm_that_lost_its_runs_loses_its_mean(tmp_path: Path) -> None:
    client = MlflowClient(fresh_home(tmp_path).mlflow_url)
    experiment = client.create_experiment("s", artifact_location=tmp_path.as_uri())
    info = StudyInfo("s", "ablation", experiment)
    record = example.record(0, arm="A", seed=0, accuracy=0.5, per_task={})
    write_summaries(client, info, summarise([record], info), "parent")
    write_summaries(client, info, summarise([replace(record, state="failed")], info), "parent")
    (run,) = client.search_runs([experiment], "tags.role = 'summary'")
    assert run.data.metrics == {"n": 0.0, "diverged": 0.0}


def test_summaries_that_an_earlier_version_wrote_in_other_names_are_made_anew(tmp_path: Path) -> None:
    client = MlflowClient(fresh_home(tmp_path).mlflow_url)
    experiment = client.create_experiment("s", artifact_location=tmp_path.as_uri())
    earlier = client.create_run(experiment, tags={"role": "summary", "arm": "A"}, run_name="A (mean over seeds)")
    for name, value in {"test_accuracy_mean": 0.5, "p": 0.5, "n_seeds": 1, "diverged": 0}.items():
        client.log_metric(earlier.info.run_id, name, value)
    record, info = example.record(0, arm="A", seed=0, accuracy=0.5, per_task={}), StudyInfo("s", "ablation", experiment)
    write_summaries(client, info, summarise([record], info), "parent")
    (run,) = client.search_runs([experiment], "tags.role = 'summary'")
    assert run.data.metrics == {"acc": 50.0, "n": 1.0, "diverged": 0.0}
