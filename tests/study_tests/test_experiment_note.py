"""The note on top of an experiment in the MLflow UI."""

from __future__ import annotations

from pathlib import Path

from mlflow import MlflowClient

from study.engine.experiment_note import END, NOTE, title_of, write_note
from study.engine.views import views_of

from .store_rows import fresh_home

EARLIER = (
    "**s**: ablation by mamlab.\n\n- [Runs](#/experiments/1/runs?viewStateShareKey=runs) · "
    "[charts](#/experiments/1/runs?viewStateShareKey=runs&compareRunsMode=CHART)"
)


def test_the_result_comes_first_and_what_somebody_wrote_below_stays(tmp_path: Path) -> None:
    client = MlflowClient(fresh_home(tmp_path).mlflow_url)
    experiment = client.create_experiment("s")

    def note() -> str:
        return str(client.get_experiment(experiment).tags[NOTE])

    views, title = views_of("ablation"), title_of("s", "ablation")
    write_note(client, experiment, title, views)
    assert note().startswith("**s** is an ablation by mamlab.")
    client.set_experiment_tag(experiment, NOTE, note() + "\n\nOur third try.")
    write_note(client, experiment, title, views, ["LSLR brings 5 points.", "3 arms, a*b."], "0a")
    lines = note().splitlines()
    assert lines[:5] == ["LSLR brings 5 points.", "", "3 arms, a\\*b.", "", title]
    assert f"[Report](#/experiments/{experiment}/runs/0a/artifacts/report/index.html?" in note()
    assert note().endswith(f"{END}\n\nOur third try.")
    found = note()
    write_note(client, experiment, title, views)  # the study goes on: its result is not forgotten
    assert note() == found


def test_of_a_note_without_our_last_line_only_our_lines_are_replaced(tmp_path: Path) -> None:
    client = MlflowClient(fresh_home(tmp_path).mlflow_url)
    experiment = client.create_experiment("s")
    client.set_experiment_tag(experiment, NOTE, EARLIER + "\n\nOurs: [wiki](https://example.org)")
    write_note(client, experiment, title_of("s", "ablation"), views_of("ablation"), ["A is best."])
    told = client.get_experiment(experiment).tags[NOTE]
    assert told.startswith("A is best.")
    assert told.endswith(f"{END}\n\nOurs: [wiki](https://example.org)")
    assert "ablation by mamlab.\n\n- [Runs]" not in told
