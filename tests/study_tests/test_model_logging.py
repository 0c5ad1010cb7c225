"""What MLflow shows of an exported model: a real store and real trainings, those of the version before."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reports import records
from reports.data.experiments import find_experiment, parent_of
from study.cli.main import run
from study.models.model_logging import CARD
from study.stores.connect import open_mlflow
from study.stores.home import Home
from tests.homes import unpack


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The unpacked home, in the current folder."""
    monkeypatch.chdir(unpack(tmp_path))
    return Home(Path("runs").absolute())


def test_an_exported_model_has_a_name_its_card_and_its_accuracies(home: Home) -> None:
    for _ in range(2):  # the second finds the model of the first
        assert run(["export", "ab", "model", "--arm", "MAML++", "--seed", "1", "--home", "runs"]) == 0
    client = open_mlflow(home)
    experiment = find_experiment(client, "ab")
    assert experiment is not None
    (model,) = client.search_logged_models([experiment.experiment_id])
    about = json.loads(Path("model", "config.json").read_text(encoding="utf-8"))["about"]
    assert (model.name, model.status) == ("ab MAML++, seed 1", "READY")
    assert (model.source_run_id, about["arm"], about["seed"]) == (about["run_id"], "MAML++", 1)

    card = Path("model", "README.md").read_text(encoding="utf-8")
    assert model.tags[CARD].startswith("# ab: MAML++, seed 1\n\nA few-shot image classifier")
    assert model.tags[CARD] in card
    assert "library_name" in card.replace(model.tags[CARD], "")  # what only model hubs read

    assert re.search(r"(?<!`)\[[^]`]*\] ?\(", card) is None  # Markdown would read a link

    wanted = {"val_acc": about["validation_accuracy"]}
    for norm_mode, found in about["test_accuracy"].items():
        ends = {"acc": found["mean"], "acc_lo": found["low"], "acc_hi": found["high"]}
        wanted |= {f"{name}_{norm_mode}": value for name, value in ends.items()}
    assert len(wanted) == 7
    shown = {metric.key: metric.value for metric in client.get_logged_model(model.model_id).metrics}
    assert shown == {name: round(100 * value, 2) for name, value in wanted.items()}


def test_what_a_model_reaches_does_not_change_what_reports_read_of_its_run(home: Home) -> None:
    client = open_mlflow(home)
    experiment = find_experiment(client, "ab")
    assert experiment is not None
    experiment_id = experiment.experiment_id
    where = f"tags.{records.TAG_ROLE} = '{records.ROLE_RUN}'"
    before = {one.info.run_id: one.data.metrics for one in client.search_runs([experiment_id], where)}
    assert run(["export", "ab", "model", "--arm", "MAML++", "--home", "runs"]) == 0
    assert {one.info.run_id: one.data.metrics for one in client.search_runs([experiment_id], where)} == before
    parent = parent_of(client, experiment_id)
    assert parent is not None
    assert {"acc_running", "acc_batch", "val_acc"} <= parent.data.metrics.keys()
