"""What the stores cannot keep whole is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.spec.name_limits import refuse_too_long
from study.stores.home import Home

from .store_rows import ablation, fresh_home, run

PLACES = ("postgresql://me@host/runs", "http://127.0.0.1:9")


@pytest.mark.parametrize("url", PLACES)
def test_names_of_runs_have_250_characters_where_columns_have_a_width(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMLAB_MLFLOW_URL", url)
    longest, home = "x" * (250 - len(" (mean over seeds)")), Home(Path("/h"))
    refuse_too_long(ablation({"a": "{}", longest: '{ "outer.lr" = 0.1 }'}), home)
    told = (
        r'^study "arms": the name of arm "x{40} ..." has 233 characters, but MLflow run names allow only'
        r" 232"
    )
    with pytest.raises(ValueError, match=told):
        refuse_too_long(ablation({"a": "{}", longest + "x": '{ "outer.lr" = 0.1 }'}), home)


def test_a_long_home_is_refused_where_mlflow_keeps_its_tables_in_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMLAB_MLFLOW_URL", PLACES[0])
    room = 157 - len("file:///" + "/artifacts/arms")
    config = ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'})
    refuse_too_long(config, Home(Path("/" + "h" * room)))
    with pytest.raises(ValueError, match="has 158 characters, but MLflow allows only 157 on PostgreSQL"):
        refuse_too_long(config, Home(Path("/" + "h" * (room + 1))))


def test_a_study_that_cannot_be_kept_writes_nothing(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "x" * 8000: '{ "outer.lr" = 0.1 }'})
    with pytest.raises(ValueError, match="has 8000 characters, but MLflow run names allow only 7982"):
        run(config, home)
    assert not home.artifacts.exists()
