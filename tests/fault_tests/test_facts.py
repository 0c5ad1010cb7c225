"""An ablation of 61 arms, whose families no tag holds, in MLflow's own file and on its server."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.data.loading import from_mlflow
from study.reporting import report_from_store
from study.stores.home import Home
from tests.study_tests.servers import mlflow_server
from tests.study_tests.store_rows import check_stores, fresh_home, run
from tests.study_tests.test_facts import many_arms


@pytest.mark.faults
def test_an_ablation_of_61_arms_runs_to_its_end_and_reports_them_all(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), many_arms(61, 70, seeds=2)
    assert run(config, home).finished
    assert check_stores(home, config, 122) == {"complete": 122}
    page = report_from_store("many", home).read_text()
    assert all(arm in page for arm in config.arms)


@pytest.mark.faults
def test_a_server_of_mlflow_keeps_the_facts_of_61_arms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mlflow_server(tmp_path) as server:
        monkeypatch.setenv("MAMLAB_MLFLOW_URL", server.url)
        home, config = Home(tmp_path), many_arms(61, 70)
        assert run(config, home).finished
        assert from_mlflow(server.url, "many")[0].families == config.families
