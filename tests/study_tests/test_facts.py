"""What is said once for a study is kept whole in MLflow, or nothing is trained."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from rich.console import Console

from reports.data.facts import json_tag, read_facts
from reports.data.loading import from_mlflow
from reports.records import ReportError, RunRecord, StudyInfo
from study.cli.space_page import check_space
from study.engine.attributes import FROZEN
from study.engine.facts import TAG_LIMIT, facts_of, sentence, write_facts
from study.engine.plan import frozen_json
from study.engine.status import read_study
from study.engine.tracking import Tracking
from study.engine.views import saved_views, views_of
from study.spec.config import SpecError, StudyConfig
from study.spec.parsing import parse_spec
from study.spec.trained_by import trained_by
from study.spec.writing import stored_spec
from study.stores.connect import open_mlflow, open_optuna
from study.stores.home import Home

from .stand_in import load
from .store_rows import ABLATION, SEARCH, TRAINER, check_stores, fresh_home, run

FAMILIES = "families"


def many_arms(arms: int = 8, length: int = 700, seeds: int = 1) -> StudyConfig:
    """Return an ablation "many" with so many characters in the names of its arms that its families are too long for a
    tag.
    """
    text = ABLATION.format(name="many", seeds=seeds, workers=2, retries=0).replace("epochs = 3", "epochs = 1")
    for number in range(1, arms + 1):
        arm = f"arm {number:02d}".ljust(length, "x")
        text += f'[[ablation.arms]]\nname = "{arm}"\nset = {{ "inner.lr" = 0.{number:02d} }}\n'
    return parse_spec(text)


def parent_of(client: Any, name: str) -> Any:
    experiment = client.get_experiment_by_name(name).experiment_id
    return client.search_runs([experiment], "tags.role = 'study'")[0]


def start(home: Home, config: StudyConfig) -> Any:
    """Start and end a study that trains nothing; return its own run."""
    tracking = Tracking(open_mlflow(home), home, config, "x")
    tracking.start([])
    tracking.close(finished=False)
    return parent_of(open_mlflow(home), config.study.name)


@pytest.mark.parametrize("truncate", ["true", "false"])
def test_families_that_are_too_long_for_a_tag_are_all_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, truncate: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", truncate)
    home, config = fresh_home(tmp_path), many_arms()
    start(home, config)
    assert len(str(facts_of(config)[FAMILIES])) > 8000
    assert from_mlflow(home.mlflow_url, "many")[0].families == config.families
    tag = parent_of(open_mlflow(home), "many").data.tags[FAMILIES]
    assert tag == "too long for a tag; see the artifact study_facts.json"


def test_the_declared_test_and_what_it_is_adjusted_over_are_read_back_and_may_be_absent(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), many_arms(2, 7)
    start(home, config)
    info = from_mlflow(home.mlflow_url, "many")[0]
    assert (info.test, info.adjust) == ("max_t", "family")
    chosen = parse_spec(config.spec_text.replace("[ablation]", '[ablation]\ntest = "moderated"\nadjust = "study"'))
    start(home, chosen)
    info = from_mlflow(home.mlflow_url, "many")[0]
    assert (info.test, info.adjust) == ("moderated", "study")
    assert StudyInfo.from_tree(asdict(info)) == info
    with pytest.raises(SpecError, match=r"ablation\.test"):
        parse_spec(config.spec_text.replace("[ablation]", '[ablation]\ntest = "welch"'))


def test_a_tag_that_was_cut_is_no_value_and_the_next_start_mends_it(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), many_arms()
    parent, client = start(home, config), open_mlflow(home)
    Path(parent.info.artifact_uri.removeprefix("file://"), "study_facts.json").unlink()
    client.set_tag(parent.info.run_id, FAMILIES, '[["own arms", [["arm 02", "ar')  # as the version before left it
    told = (
        'study "many": the tag "families" (29 characters) of its own run in MLflow is truncated, so that part of the'
        " study cannot be read. Start the study again with its spec file (mamlab ablate SPEC): that writes it anew and"
        " trains nothing that is done"
    )
    with pytest.raises(ReportError) as caught:
        from_mlflow(home.mlflow_url, "many")
    assert str(caught.value) == told
    assert read_study(home, "many").problem == told
    start(home, config)
    assert from_mlflow(home.mlflow_url, "many")[0].families == config.families
    assert read_study(home, "many").problem == ""


def test_a_tag_that_only_names_the_artifact_is_no_value_either(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), many_arms()
    parent = start(home, config)
    Path(parent.info.artifact_uri.removeprefix("file://"), "study_facts.json").unlink()
    with pytest.raises(ReportError, match=r'the tag "families" \(53 characters\)'):
        from_mlflow(home.mlflow_url, "many")


def test_an_artifact_that_is_not_whole_is_no_value(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), many_arms()
    parent = start(home, config)
    Path(parent.info.artifact_uri.removeprefix("file://"), "study_facts.json").write_text('{"families": [["own')
    with pytest.raises(
        ReportError, match=r'study "many": the artifact study_facts.json of its own run .* is truncated'
    ):
        from_mlflow(home.mlflow_url, "many")


def test_short_facts_are_tags_too_for_the_ui_and_for_readers_of_before(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), parse_spec(SEARCH.format(trials=3, workers=1))
    parent = start(home, config)
    found = read_facts(open_mlflow(home), parent)
    space = {"inner.steps": {"low": 2, "high": 5}, "outer.lr": {"low": 0.0001, "high": 0.1, "log": True}}
    assert found == {"searched": ["inner.steps", "outer.lr"], "score": "mean", "finalists": 5, "space": space}
    tags = parent.data.tags
    assert (tags["searched"], tags["score"], len(tags["space_hash"])) == ('["inner.steps", "outer.lr"]', "mean", 64)


class Deaf:
    """A store that takes a text and gives back another."""

    def __init__(self, client: MlflowClient, back: str) -> None:
        self._client, self._back = client, back

    def log_text(self, run_id: str, text: str, name: str) -> None:
        self._client.log_text(run_id, self._back, name)

    def download_artifacts(self, run_id: str, name: str, folder: str) -> str:
        return self._client.download_artifacts(run_id, name, folder)


@pytest.mark.parametrize("back", ["", '{"families": [', "{}", "[]"])
def test_facts_that_cannot_be_read_back_stop_a_study_before_it_trains(tmp_path: Path, back: str) -> None:
    client = open_mlflow(fresh_home(tmp_path))
    one = client.create_run(client.create_experiment("x", (tmp_path / "artifacts").as_uri())).info.run_id
    with pytest.raises(ValueError, match=r'study "many": MLflow did not store study_facts.json correctly'):
        write_facts(Deaf(client, back), one, "many", {"score": "mean"})


def test_a_long_message_is_marked_as_shortened_and_holds_nothing_that_a_database_refuses() -> None:
    assert sentence("short") == "short"
    assert len(sentence("x" * 9000)) == TAG_LIMIT
    assert sentence("x" * 9000).endswith("x [...]")
    assert sentence("a\0b\ud800c") == "a\\0b\\ud800c"


def test_a_broken_tag_of_a_run_is_an_error_that_names_it() -> None:
    record = RunRecord(
        "0a", "1", "many", "ablation", "arm / seed 0", "arm", 0, 0, "complete", "", tags={"dropped": '{"m'}
    )
    with pytest.raises(ReportError, match=r'study "many", run "arm / seed 0" \(0a\): its tag "dropped" is truncated'):
        json_tag(record, "dropped")


def test_views_of_every_setting_fit_into_a_tag_of_an_experiment() -> None:
    from search_spaces.dimensions import setting_paths

    assert max(len(view.state()) for view in views_of("search", list(setting_paths()))) < 5000


SAME = '"msl.epochs" = { choices = [3, 0.75] }'
"""Of four epochs."""


def test_choices_that_are_one_training_stop_a_new_study_and_not_one_that_was_started_with_them(tmp_path: Path) -> None:
    config = parse_spec(SEARCH.format(trials=2, workers=1).replace("[space]", f"[space]\n{SAME}"))
    home, told = fresh_home(tmp_path), "3 and 0.75 are the same in a run of 4 epochs; leave one out"
    with pytest.raises(SpecError, match=told):
        run(config, home)
    with pytest.raises(SpecError, match=told):
        check_space(config, Console(), as_json=False)
    storage = open_optuna(home)  # a version before, which did not ask, had started it
    before = frozen_json(replace(config, trained_by=trained_by(TRAINER)), load(config.data, home.data).checksum)
    storage.set_study_user_attr(storage.get_study_id_from_name("hunt"), FROZEN, before)
    assert run(config, home).finished
    assert check_stores(home, config, 2).total() == 2


def test_a_stored_spec_that_is_refused_now_is_a_line_with_the_study() -> None:
    text = SEARCH.format(trials=2, workers=1).replace("[space]", '[space]\n"msl.epochs" = { choices = [1, 1.0] }')
    with pytest.raises(
        SpecError, match=r'stored spec of study "hunt": space\.msl\.epochs\.choices: 1 and 1\.0 are equal'
    ):
        stored_spec(text, "hunt")


def test_a_view_that_somebody_shared_from_the_ui_is_passed_over() -> None:
    tags = {"mlflow.sharedViewState.a": "deflate;eJyrVg==", "mlflow.sharedViewState.b": '{"name": "B"}'}
    assert saved_views(tags) == {"b": "B"}
