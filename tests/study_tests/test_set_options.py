from __future__ import annotations

import subprocess
import sys
import tomllib
from itertools import takewhile
from pathlib import Path

import pytest

from study.cli.demo import SPECS
from study.cli.main import run
from study.engine.progress import StudyProgress
from study.spec.config import SpecError
from study.spec.parsing import load_spec
from study.spec.set_options import given_line, load_given
from trainers.data import Glyphs, ImageFolder
from trainers.data.loading_message import loading_message
from trainers.errors import InputError

from . import store_rows

ABLATION, SEARCH = SPECS / "ablation.toml", SPECS / "search.toml"
ARMS = {"one": "{}", "two": "{ outer.lr = 0.002 }"}


def test_what_is_typed_takes_the_place_of_what_the_file_says() -> None:
    found = load_given(ABLATION, ["budget.epochs=3", "inner.lr=0.25", "execution.workers=1", "ablation.seeds=9"], 40)
    before = load_spec(ABLATION)
    assert (found.base.budget.epochs, found.base.inner.lr, found.execution.workers) == (3, 0.25, 1)
    assert found.seeds == tuple(range(40, 49))
    assert found.base.budget.iterations == before.base.budget.iterations
    assert [*found.arms] == [*before.arms]
    head = "# ablation.toml, with --set budget.epochs=3 --set inner.lr=0.25 --set execution.workers=1"
    assert found.spec_text.startswith(head)
    assert tomllib.loads(found.spec_text)["study"]["seed"] == 40


def test_a_search_s_budget_is_told_from_its_trainings_budget() -> None:
    found = load_given(SEARCH, ["budget.trials=3", "budget.iterations=2"])
    assert (found.budget.trials, found.base.budget.iterations) == (3, 2)
    ranges = load_given(SEARCH, ["space.inner.lr={ low = 0.2, high = 0.3 }"]).space
    assert ranges is not None
    assert str(ranges.dimensions["inner.lr"]) == "0.2 to 0.3"


def test_a_setting_is_found_however_the_file_writes_it(tmp_path: Path) -> None:
    for line in ("inner.steps = 4", '"inner.steps" = 4', "inner = { steps = 4 }"):
        file = tmp_path / "spec.toml"
        file.write_text(f'[study]\nname = "a"\n[data]\nsource = "glyphs"\n[trainer]\npreset = "maml"\n{line}\n')
        assert load_given(file, ["inner.steps=2"]).base.inner.steps == 2
    file.write_text('[study]\nname = "a"\n[data]\nsource = "glyphs"\n[trainer]\npreset = "maml"\nmsl = "on"\n')
    assert load_given(file, ["msl.schedule=linear"]).base.msl != "off"


def test_without_anything_typed_the_file_s_own_text_is_kept() -> None:
    assert load_given(SEARCH).spec_text == SEARCH.read_text()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["budget.epoch=3"], "with --set budget.epoch=3:\n  trainer.budget.epoch: unknown key; did you mean epochs?"),
        (["inner.steps"], "--set inner.steps: write NAME=VALUE"),
        (
            ["inner.steps=2", "inner.steps=3"],
            "--set inner.steps=2 and --set inner.steps=3 both set",
        ),
        (["data.source=nowhere"], "with --set data.source=nowhere:\n  data"),
    ],
)
def test_a_setting_that_cannot_be_is_named_by_its_option(settings: list[str], told: str) -> None:
    with pytest.raises(InputError) as error:
        load_given(ABLATION, settings)
    assert told in str(error.value)


def test_a_file_that_is_not_there_or_no_toml_is_said_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file"):
        load_given(tmp_path / "absent.toml", ["inner.steps=2"])
    (tmp_path / "bad.toml").write_text("[")
    with pytest.raises(SpecError, match=r"bad\.toml:\n  not valid TOML"):
        load_given(tmp_path / "bad.toml", ["inner.steps=2"])


def test_another_value_at_the_next_start_says_what_differs(tmp_path: Path) -> None:
    home, file = store_rows.fresh_home(tmp_path), tmp_path / "spec.toml"
    file.write_text(store_rows.ablation(ARMS, seeds=1).spec_text)
    store_rows.run(load_given(file, ["inner.steps=2"]), home)
    assert store_rows.run(load_given(file, ["inner.steps=2"]), home).finished
    with pytest.raises(InputError, match=r"trainer\.inner\.steps: was 2, is now 3"):
        store_rows.run(load_given(file, ["inner.steps=3"]), home)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["train", "--preset", "maml++"], 'error: --preset "maml++": unknown preset; did you mean mamlpp?'),
        (["train", "--set", "inner.stps=2"], "error: --set inner.stps: unknown key; did you mean steps?"),
        (["train", "--set", "epochs=2"], "error: --set epochs: unknown key; did you mean msl.epochs or budget.epochs?"),
        (
            ["search", str(SEARCH), "--set", "budget.trails=2"],
            "budget.trails: unknown key; did you mean trials?",
        ),
        (["train", "--set", "inner.steps"], "error: --set inner.steps: write NAME=VALUE"),
        (["search", str(ABLATION)], f"error: {ABLATION} describes an ablation; run it with: mamlab ablate"),
        (["ablate", "--from", "x", "--set", "inner.steps=2"], "'--set': cannot be combined with --from"),
    ],
)
def test_a_bad_option_is_named_first(args: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(args) == 2
    told_first = capsys.readouterr().err
    assert told in told_first
    assert "--name" not in told_first


@pytest.mark.parametrize(
    "command",
    [
        "search absent.toml", "plan absent.toml", "promote absent", "export absent model", "report absent",
        "verify absent", "doctor absent", "clean", "delete absent", "ui", "init search", "method check mamlpp",
        "space check absent.toml",
    ],
)  # fmt: skip
def test_every_command_that_loads_libraries_says_so_before_the_first_of_them(command: str, tmp_path: Path) -> None:
    typed = [sys.executable, "-X", "importtime", "-m", "study.cli", *command.split()]
    with subprocess.Popen(typed, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stderr is not None
        before = list(takewhile(lambda line: not line.startswith("Loading "), process.stderr))
        process.kill()
    loaded = {line.split("|")[-1].strip().partition(".")[0] for line in before}
    assert "typer" in loaded
    assert not {"torch", "mlflow", "optuna", "pandas", "numpy", "sqlalchemy", "scipy"} & loaded


def test_a_start_says_what_it_does_before_the_first_run(tmp_path: Path) -> None:
    home, seen = store_rows.fresh_home(tmp_path), []

    def look(progress: StudyProgress) -> None:
        if progress.doing:
            seen.append(progress.doing)

    store_rows.run(store_rows.ablation(ARMS, seeds=1), home, look)
    assert seen == ["Drawing glyphs (once, about 20 s)", "Opening the stores", "Starting 2 workers"]


def test_what_reading_data_does_is_true(tmp_path: Path, glyphs_folder: Path) -> None:
    for name in ("a/1.png", "a/2.JPG", "a/notes.txt", "b/3.png", ".hidden/4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert loading_message(ImageFolder(path=tmp_path), tmp_path) == f"Reading 3 pictures of {tmp_path.name}"
    assert loading_message(Glyphs(), glyphs_folder) == "Reading glyphs"
    assert loading_message(Glyphs(), tmp_path) == "Drawing glyphs (once, about 20 s)"


def test_a_method_beside_the_file_is_found_with_settings_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = "slope_beside_the_spec"
    (tmp_path / f"{module}.py").write_text("from tests.study_tests.slope_method import METHOD\n")
    file = tmp_path / "spec.toml"
    file.write_text(f'[study]\nname = "a"\n[data]\nsource = "method"\n[method]\nuse = "{module}:METHOD"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_given(Path("~/spec.toml"), seed=7).seeds == (7,)


def test_any_text_can_be_set(tmp_path: Path) -> None:
    text = given_line("data.path=/tmp/\U0001f600")
    assert tomllib.loads(text)["data"]["path"] == "/tmp/\U0001f600"
    with pytest.raises(InputError, match="is not UTF-8, which a spec file cannot hold; rename it"):
        given_line("data.path=/tmp/\udcff")
