"""A study's data is known by its checksum: the same data goes on from anywhere, other data in its place is refused."""

from __future__ import annotations

import json
import re
import sqlite3
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.cli.main import run
from study.engine.plan import StudyChanged, frozen_json, refuse_change
from study.spec.config import SpecError
from study.spec.parsing import load_spec, parse_spec
from study.spec.set_options import load_given
from study.spec.writing import without_folder
from study.stores.connect import open_mlflow
from study.stores.home import Home
from tests.homes import unpack

SPEC = """
[study]
name = "se"
[data]
source = "image_folder"
path = "{path}"
size = 8
[trainer]
preset = "mamlpp"
inner.steps = 2
episodes = {{ ways = 2, shots = 1, queries = 1, tasks = 1 }}
model = {{ filters = 4, blocks = 2 }}
budget = {{ epochs = 1, iterations = 1 }}
evaluation = {{ val_tasks = 4, test_tasks = 4, top_k = 1 }}
[space]
preset = "rates"
[budget]
trials = 2
[execution]
workers = 1
"""


def pictures(folder: Path, seed: int) -> None:
    """Make 12 classes of 3 pictures, which differ with `seed`."""
    for one in range(12):
        (folder / f"class{one:02d}").mkdir(parents=True)
        for number in range(3):
            pixels = np.random.default_rng([seed, one, number]).integers(0, 255, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"class{one:02d}" / f"{number}.png")


def write(folder: Path, path: str = "pics") -> None:
    (folder / "se.toml").write_text(SPEC.format(path=path))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures and a complete search of them; beside it another, `there`, with other pictures of that
    name.
    """
    here = tmp_path_factory.mktemp("data") / "here"
    pictures(here / "pics", 1)
    pictures(here.parent / "there" / "pics", 2)
    write(here)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        assert run(["search", "se.toml", "--home", "runs", "--quiet"]) == 0
    return here


def checksums(home: Path, study: str) -> set[str]:
    client = open_mlflow(Home(home))
    runs = client.search_runs([client.get_experiment_by_name(study).experiment_id], "tags.role = 'run'")
    return {one.data.tags["data_checksum"] for one in runs}


@pytest.mark.slow
def test_a_search_is_followed_from_another_folder_with_its_own_data(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here.parent / "there")
    assert run(["promote", "se", "--home", str(here / "runs"), "--best", "1", "--seeds", "1", "--quiet"]) == 0
    home = here / "runs"
    assert checksums(home, "se-promoted") == checksums(home, "se")
    tree = tomllib.loads((home / "specs" / "se-promoted.toml").read_text())
    assert tree["data"]["path"] == str(here / "pics")
    assert {tree["ablation"]["origin"]["data_checksum"]} == checksums(home, "se")


@pytest.mark.parametrize("command", [["promote"], pytest.param(["ablate", "--from"], marks=pytest.mark.slow)])
def test_a_published_search_is_not_followed_on_other_data_of_that_name(
    command: list[str], here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = here.parent / "there"
    monkeypatch.chdir(there)
    assert run([*command, str(here / "runs" / "reports" / "se"), "--home", str(tmp_path)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    (known,) = checksums(here / "runs", "se")
    assert f'the data of the study "se" (checksum {known}) was not found' in said
    assert re.search(rf"{re.escape(str(there / 'pics'))} contains other data: its checksum is [0-9a-f]{{64}}", said)
    assert "--data PATH" in said
    assert not (tmp_path / "specs").exists()


def test_data_that_moved_is_named_with_an_option(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(here.parent / "there")
    (here / "pics").rename(here / "moved")
    try:
        export = ["export", "se", str(tmp_path / "model"), "--home", str(here / "runs")]
        assert run(export) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert f"path {here / 'pics'} is not a folder" in said
        assert f"{here.parent / 'there' / 'pics'} contains other data" in said
        assert run([*export, "--data", "../here/moved"]) == 0
        assert (tmp_path / "model" / "config.json").is_file()
    finally:
        (here / "moved").rename(here / "pics")


@pytest.mark.parametrize("spelling", ["./pics", "{here}/pics", "../link/pics"])
def test_a_search_goes_on_with_its_data_at_another_spelling(
    spelling: str, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here.parent / "link").unlink(missing_ok=True)
    (here.parent / "link").symlink_to(here)
    write(tmp_path, spelling.format(here=here))
    monkeypatch.chdir(here)
    assert run(["search", str(tmp_path / "se.toml"), "--home", "runs", "--quiet"]) == 0


def test_a_search_does_not_go_on_with_other_data_of_that_name(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = here.parent / "there"
    monkeypatch.chdir(there)
    assert run(["search", str(here / "se.toml"), "--home", str(here / "runs"), "--quiet"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"the data in {there / 'pics'} differs from the data that the study started with, in {here / 'pics'}" in said
    assert "data_checksum: was" in said


def test_a_spec_that_follows_a_search_is_not_trained_on_other_data(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(here.parent / "there")
    text = SPEC.format(path="pics").partition("[space]")[0] + (
        '[ablation]\ndesign = "arms"\nseeds = 1\nallow_underpowered = true\narms = [{ name = "a" }, '
        '{ name = "b", set = { lslr = "off" } }]\n'
        f'origin = {{ search = "se", data_checksum = "{"0" * 64}" }}\n'
    )
    (tmp_path / "follows.toml").write_text(text)
    assert run(["ablate", str(tmp_path / "follows.toml"), "--home", str(tmp_path), "--quiet"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert (
        f'the search "se" was trained on data with the checksum {"0" * 64}, but the data in {Path.cwd()}/pics' in said
    )


def test_a_study_of_an_earlier_version_whose_path_is_relative_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = unpack(tmp_path)
    with sqlite3.connect(old / "runs" / "optuna.db") as store:
        rows = store.execute("SELECT value_json FROM study_user_attributes WHERE key = 'mamlab.frozen'").fetchall()
    before = next(text for (row,) in rows if json.loads(text := json.loads(row))["study"]["name"] == "se")
    frozen = json.loads(before)
    assert frozen["data"]["path"] == "pics"
    monkeypatch.chdir(old)
    config = load_spec(old / "search.toml")
    refuse_change("se", before, frozen_json(config, frozen["data_checksum"]))
    with pytest.raises(
        StudyChanged, match=rf"the data in {old}/pics differs from the data that the study started with, in pics"
    ):
        refuse_change("se", before, frozen_json(config, "0" * 64))


def test_relative_pictures_are_found_beside_the_spec_file_too(
    here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_spec(here / "se.toml").data.path == here / "pics"  # type: ignore[union-attr]
    assert load_given(here / "se.toml", ["budget.epochs=3"]).data.path == here / "pics"  # type: ignore[union-attr]
    (here / "skip.txt").write_text("")
    skipping = load_given(here / "se.toml", ["data.skip=skip.txt"])
    assert skipping.data.skip == here / "skip.txt"  # type: ignore[union-attr]
    (tmp_path / "pics").mkdir()
    assert load_spec(here / "se.toml").data.path == tmp_path / "pics"  # type: ignore[union-attr]


def test_a_path_leads_to_the_same_folder_from_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    paths = {text: str(parse_spec(SPEC.format(path=text)).data.path) for text in ("pics", "~/pics", "/pics")}  # type: ignore[union-attr]
    assert paths == {"pics": f"{tmp_path}/pics", "~/pics": "/home/ada/pics", "/pics": "/pics"}
    with pytest.raises(SpecError, match=r"data.path: there is no user ~nobody-of-that-name here; write the full path"):
        parse_spec(SPEC.format(path="~nobody-of-that-name/pics"))


def test_a_report_to_publish_says_nothing_of_the_machine_s_folders() -> None:
    assert without_folder(SPEC.format(path="/home/ada/pics")) == SPEC.format(path="pics")
    assert without_folder(SPEC.format(path="pics")) == SPEC.format(path="pics")
    assert without_folder("") == ""


def test_a_plan_says_when_its_noise_comes_from_other_data(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = SPEC.format(path=here / "pics").partition("[space]")[0] + '[ablation]\ndesign = "leave_one_out"\nseeds = 8\n'
    (tmp_path / "plan.toml").write_text(spec)
    other = unpack(tmp_path) / "runs" / "reports" / "ab"
    command = ["plan", str(tmp_path / "plan.toml"), "--from", str(other), "--home", str(tmp_path / "runs")]
    assert run(command) == 0
    assert f"the report in {other}, a study of other data" in capsys.readouterr().out.replace("\n", "")
