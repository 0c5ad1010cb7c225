"""Records through a real MLflow store on SQLite."""

import json
from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from reports.build import build_report
from reports.data.loading import from_files, from_mlflow
from reports.records import Family, ReportError, Sweep

SPEC = '[study]\nname = "demo"\n'


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("mlflow")
    address = f"sqlite:///{folder}/mlflow.db"
    client = MlflowClient(address)
    experiment = client.create_experiment("demo", artifact_location=(folder / "artifacts").as_uri())
    tags = {
        "role": "study",
        "study": "demo",
        "kind": "ablation",
        "families": '[["parts", [["A", "B"]]]]',
        "design": '{"path": "inner.lr", "values": {"A": 0.1, "B": 0.2}}',
        "searched": '["inner.lr"]',
    }
    parent = client.create_run(experiment, tags=tags)
    client.log_text(parent.info.run_id, SPEC, "spec.toml")
    client.create_run(experiment, tags={"role": "summary", "arm": "A"})
    for number, (arm, accuracy) in enumerate([("A", 0.91), ("B", 0.9), ("C", None)]):
        _run(client, experiment, parent.info.run_id, number, arm, accuracy)
    return address


def _run(client: MlflowClient, experiment: str, parent: str, number: int, arm: str, accuracy: float | None) -> None:
    state = "running" if accuracy is None else "complete"
    tags = {
        "role": "run",
        "mamlab.state": state,
        "study": "demo",
        "kind": "ablation",
        "arm": arm,
        "seed": "0",
        "trial": f"{number:04d}",
    }
    run = client.create_run(
        experiment, start_time=1000 + number, tags=tags | {"mlflow.parentRunId": parent}, run_name=f"{arm} seed 0"
    ).info.run_id
    client.log_param(run, "inner.lr", "0.1")
    if accuracy is None:
        return
    for step, value in [(1, 0.5), (2, 0.6), (2, 0.7), (3, float("nan"))]:
        client.log_metric(run, "val_accuracy", value, timestamp=int(1e4 * value) if value == value else 1, step=step)
    client.log_metric(run, "best_val_accuracy", 0.7)
    client.log_metric(run, "test_accuracy", accuracy)
    per_task = {"single": [1.0, 0.8], "ensemble": [], "audit": {"batch.top1": [0.8, 0.6]}}
    client.log_text(run, json.dumps(per_task), "per_task.json")
    client.log_text(run, json.dumps({"conv1.weight": [0.4, 0.3]}), "inner_rates.json")
    client.log_text(run, json.dumps({"second_order": [0, 1]}), "schedules.json")
    client.set_terminated(run)


def test_mlflow_and_the_files_of_its_report_give_the_same_records(uri: str, tmp_path: Path) -> None:
    info, records = from_mlflow(uri, "demo")
    assert (info.name, info.kind, info.searched) == ("demo", "ablation", ("inner.lr",))
    assert info.families == (Family("parts", (("A", "B"),)),)
    assert info.sweep == Sweep("inner.lr", {"A": 0.1, "B": 0.2})
    assert [(r.arm, r.seed, r.trial, r.state) for r in records] == [
        ("A", 0, 0, "complete"),
        ("B", 0, 1, "complete"),
        ("C", 0, 2, "running"),
    ]
    assert records[0].curves["val_accuracy"][:2] == [(1, 0.5), (2, 0.7)]  # the later of two values of a step
    assert records[0].per_task == {"batch.top1": array("d", [0.8, 0.6]), "single": array("d", [1.0, 0.8])}
    assert list(records[0].curves["inner_rate/conv1.weight"]) == [(1, 0.4), (2, 0.3)]
    assert list(records[0].curves["second_order"]) == [(1, 0.0), (2, 1.0)]
    assert info.spec == SPEC
    assert records[0].started_at == 1.0
    build_report(records, info, tmp_path / "a")
    again, loaded = from_files(tmp_path / "a")
    assert again == info
    assert repr(loaded) == repr(records)  # NaN is not equal to itself


def test_only_runs_that_changed_are_read_in_full_again(uri: str, tmp_path: Path) -> None:
    info, records = from_mlflow(uri, "demo")
    marked = [replace(record, per_task={"single": array("d", [0.5])}) for record in records]
    build_report([marked[0], replace(marked[1], metrics={}), marked[2]], info, tmp_path)
    again = from_mlflow(uri, "demo", exported=tmp_path)[1]
    assert repr(again[0]) == repr(marked[0])  # the same in MLflow: its tasks come from the file
    assert repr(again[1:]) == repr(records[1:])  # changed since, and still running


def test_reading_a_study_draws_no_progress_bars(
    uri: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", raising=False)
    from_mlflow(uri, "demo")
    assert "artifacts" not in capfd.readouterr().err


def test_an_unknown_study_is_an_error_that_lists_the_known_ones(uri: str) -> None:
    with pytest.raises(ReportError, match=r"there is no study 'dmeo' in .*; its studies are: demo"):
        from_mlflow(uri, "dmeo")
    for name in ("it's", '"it\'s"', 'a "b"'):
        with pytest.raises(ReportError, match=r"there is no study .*; its studies are: demo"):
            from_mlflow(uri, name)
