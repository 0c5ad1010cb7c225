"""What a search tries first: a former study's best, and rows of a CSV file."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.spec.config import SpecError, StudyConfig
from study.spec.parsing import load_spec, parse_spec
from study.stores.connect import open_mlflow
from study.stores.home import Home
from study.warm_start import warm_started

from .store_rows import SEARCH, fresh_home, mlflow_runs, optuna_trials, run


def search(name: str, enqueue: str = "", trials: int = 4) -> StudyConfig:
    text = SEARCH.format(trials=trials, workers=1).replace('name = "hunt"', f'name = "{name}"{enqueue}')
    return parse_spec(text[: text.index("[pruner]")] + '[pruner]\nname = "none"\n' + text[text.index("[budget]") :])


def test_the_best_of_a_former_study_are_tried_first_in_their_order(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    run(warm_started(search("former"), home), home)
    ranked = sorted(optuna_trials(home, "former"), key=lambda trial: -trial.value)
    later = search("later", '\nenqueue = ["maml", { study = "former", best = 2 }]')
    run(warm_started(later, home), home)
    trials = optuna_trials(home, "later")
    assert [trial.user_attrs.get("preset") for trial in trials] == ["maml", "former best 1", "former best 2", None]
    assert [trial.params for trial in trials[1:3]] == [trial.params for trial in ranked[:2]]
    assert [trial.value for trial in trials[1:3]] == [trial.value for trial in ranked[:2]]  # the same cells
    run(warm_started(search("later", '\nenqueue = ["maml", { study = "former", best = 2 }]', trials=5), home), home)
    assert [trial.params for trial in optuna_trials(home, "later")[:4]] == [trial.params for trial in trials]
    open_mlflow(home).delete_run(mlflow_runs(home, "former")[0].info.run_id)
    *before, note = warm_started(later, home).notes
    assert tuple(before) == later.notes
    assert note.startswith('study.enqueue study = "former": 1 ended run is missing in MLflow')
    assert note.endswith("To restore: mamlab doctor former --fix")


def test_a_file_is_looked_for_beside_the_spec_and_then_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs, here = tmp_path / "specs", tmp_path / "here"
    specs.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    (spec := specs / "hunt.toml").write_text(search("hunt", '\nenqueue = [{ csv = "known.csv" }]').spec_text)

    def steps() -> list[int]:
        return [params["inner.steps"] for params in warm_started(load_spec(spec), Home(here)).enqueued.values()]

    with pytest.raises(SpecError, match=rf"looked for {specs / 'known.csv'} and {here / 'known.csv'}\)"):
        steps()
    (here / "known.csv").write_text("inner.steps\n3\n")
    assert steps() == [3]
    (specs / "known.csv").write_text("inner.steps\n4\n")
    with pytest.raises(SpecError, match=r"there are two files, .*beside the spec file and .*write the full path"):
        steps()
    (here / "known.csv").unlink()
    assert steps() == [4]


def test_rows_of_a_file_are_tried_first_and_an_empty_cell_leaves_the_base_as_it_is(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    (tmp_path / "known.csv").write_text("# known\ninner.steps, outer.lr\n3, 0.01\n,0.02\n")
    config = search("hunt", f'\nenqueue = [{{ csv = "{tmp_path / "known.csv"}" }}]')
    run(warm_started(config, home), home)
    first, second = optuna_trials(home, "hunt")[:2]
    assert (first.user_attrs["preset"], first.params) == ("known.csv:3", {"inner.steps": 3, "outer.lr": 0.01})
    assert (second.user_attrs["preset"], second.params) == ("known.csv:4", {"inner.steps": 5, "outer.lr": 0.02})
    assert "known.csv:3" in first.user_attrs["label"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("inner.steps\n9\n", r"line 2: inner.steps = 9 is outside 2 to 5"),
        ("inner.steps\n2\n2.5\n", r"line 3: inner.steps: must be a whole number, not 2.5"),
        (
            "inner.stps\n3\n",
            r'column "inner.stps" is not searched; did you mean inner.steps\? \(searched: inner.steps, outer.lr\)',
        ),
        ("model.filters\n3\n", r'column "model.filters" is not searched'),
        (
            "inner.steps,outer.lr\n3\n",
            r"line 2: its number of cells differs from the number of names in the first line",
        ),
        ("inner.steps\n", r"it has no rows below the header"),
        ("", r"the file is empty"),
    ],
)
def test_a_row_that_the_space_does_not_contain_is_refused_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "known.csv"
    file.write_text(text)
    with pytest.raises(SpecError, match=message):
        warm_started(search("hunt", f'\nenqueue = [{{ csv = "{file}" }}]'), Home(tmp_path))


def test_a_file_and_a_study_that_are_not_there_are_named(tmp_path: Path) -> None:
    config = search("hunt", '\nenqueue = [{ csv = "no.csv" }, { study = "none" }]')
    with pytest.raises(SpecError) as refused:
        warm_started(config, fresh_home(tmp_path))
    first, second = refused.value.problems
    assert first.startswith('study.enqueue csv = "no.csv": no such file (looked for ')
    assert second.startswith("study.enqueue study = \"none\": there is no study 'none'")
