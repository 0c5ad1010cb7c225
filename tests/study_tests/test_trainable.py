"""What a search can draw is compared with the data before anything trains, and nothing that it never draws is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.cli.main import run
from study.spec.config import SpecError
from study.spec.parsing import load_spec
from study.spec.trainable import refuse_untrainable, space_problems, started_from
from study.stores.home import Home
from trainers.data import load
from trainers.errors import InputError

SPEC = """
[study]
name = "s"

[data]
source = "image_folder"
path = "pics"
size = {size}

[trainer]
preset = "mamlpp"
inner.steps = 2
episodes = {{ {episodes}queries = 1, tasks = 1 }}
model = {{ filters = 4{blocks} }}
budget = {{ epochs = 2, iterations = 2 }}
evaluation = {{ val_tasks = 8, test_tasks = 4, top_k = 1 }}

[space]
{space}
"inner.lr" = {{ low = 0.01, high = 0.5 }}

[budget]
trials = 2

[execution]
workers = 1
"""
BLOCKS = {
    "size": 8,
    "episodes": "ways = 2, shots = 1, ",
    "blocks": "",
    "space": '"model.blocks" = { low = 1, high = 3 }',
}
WAYS = {
    "size": 8, "episodes": "", "blocks": ", blocks = 2",
    "space": '"episodes.ways" = { low = 2, high = 8 }\n"episodes.shots" = { low = 1, high = 5 }',
}  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 18 classes of 4 pictures, of which 3 are validation classes."""
    for c in range(18):
        (tmp_path / "pics" / f"class{c:02d}").mkdir(parents=True)
        for p in range(4):
            pixels = np.random.default_rng([c, p]).integers(0, 256, (16, 16, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pics" / f"class{c:02d}" / f"{p}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def spec(here: Path, **values: object) -> Path:
    file = here / "s.toml"
    file.write_text(SPEC.format(**values))
    return file


def test_a_base_that_the_space_never_uses_is_not_checked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The default has 4 blocks, which images of 8 pixels do not have."""
    file = spec(here, **BLOCKS)
    assert run(["space", "check", str(file), "--home", "runs"]) == 0
    assert "all 200 random configs can be trained" in capsys.readouterr().out
    config = load_spec(file)
    refuse_untrainable(config, load(config.data, Home(here / "runs").data))
    assert config.base.model.blocks == 4
    assert started_from(config).model.blocks == 3  # what `promote` trains beside the best


@pytest.mark.parametrize("command", [["space", "check"], ["search"], ["plan"]], ids=" ".join)
def test_more_than_the_data_have_is_refused_before_anything_trains(
    here: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, str(spec(here, **WAYS)), "--home", "runs"]) == 2
    text = capsys.readouterr().err
    assert re.search(r"space\.episodes\.ways: \d+ of 200 random configs cannot be trained: pics: split val", text)
    assert "split val has 3 classes, but a task needs 8 (ways); use at most 3 ways" in text
    assert "space.episodes.shots: " in text
    assert "has 4 images, but a task needs 6 (5 shots + 1 queries)" in text
    assert "Traceback" not in text
    assert not (here / "runs" / "optuna.db").exists()


@pytest.mark.parametrize("command", [["space", "check"], ["search"]], ids=" ".join)
def test_a_network_too_deep_for_the_images_is_refused(
    here: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = spec(here, **{**BLOCKS, "size": 32, "space": '"model.blocks" = { low = 1, high = 7 }'})
    assert run([*command, str(file), "--home", "runs"]) == 2
    assert "space.model.blocks: " in (text := capsys.readouterr().err)
    assert "model.blocks = 7 reduces images of 32 pixels to nothing; use at most 5 blocks" in text


def test_the_largest_config_counts_even_if_no_random_one_is_as_large(here: Path) -> None:
    space = '"episodes.shots" = { low = 1, high = 100000, step = 3 }'
    config = load_spec(spec(here, **{**BLOCKS, "blocks": ", blocks = 2", "episodes": "ways = 2, ", "space": space}))
    (line,) = space_problems(config, load(config.data, Home(here / "runs").data))
    assert "a task needs 100001 (100000 shots + 1 queries)" in line


@pytest.mark.slow
def test_trials_of_different_tasks_are_not_ranked_without_a_note(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = spec(here, **{**WAYS, "space": '"episodes.ways" = { low = 2, high = 3 }', "episodes": "shots = 1, "})
    assert run(["search", str(file), "--home", "runs"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("Trials differ in episodes.ways: tasks of fewer ways or more shots are easier") == 2
    assert "Trials differ in episodes.ways" in (here / "runs" / "reports" / "s" / "report.md").read_text()


def test_data_that_are_gone_fail_a_run_once_without_traceback(here: Path) -> None:
    from study.workers.jobs import Ended, Job
    from study.workers.worker import run_job

    config = load_spec(spec(here, **BLOCKS))
    data = config.data.model_copy(update={"path": here / "gone"}).model_dump_json()
    base = started_from(config).model_dump_json()
    job = Job("k", "run", base, 0, data, here / "data", "", here / "cell", "token")
    (event,) = list(run_job(job))
    assert isinstance(event, Ended)
    assert (event.state, event.for_good) == ("failed", True)
    assert (
        event.message
        == f"image_folder: path {here / 'gone'} is not a folder; give the folder that holds the class folders"
    )


def test_data_of_a_folder_or_a_spec_are_shown_with_what_is_odd(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "pics" / "class00" / "x.heic").write_bytes(b"?")
    for name in ("pics", str(spec(here, **BLOCKS))):
        assert run(["data", name, "--home", "runs"]) == 0
        printed = capsys.readouterr().out
        assert "note: class class00: 1 file skipped (.heic)" in printed
        assert ("checksum: " in printed) == (name != "pics")
    assert run(["plan", str(spec(here, **BLOCKS)), "--home", "runs"]) == 0
    assert "note: class class00: 1 file skipped (.heic)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfei\0n\0", "is in UTF-16; save it as UTF-8"),
        ("inner.lr\n0.1 # größer\n".encode("latin-1"), r"is not UTF-8 text (line 2, byte 0xf6); save it as UTF-8"),
        (b"inner.lr,inner.lr\n0.1,0.2\n", 'column "inner.lr" appears twice'),
    ],
)
def test_tables_that_cannot_be_meant_are_named(
    here: Path, content: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "known.csv").write_bytes(content)
    file = spec(here, **BLOCKS)
    file.write_text(file.read_text().replace('name = "s"', 'name = "s"\nenqueue = [{ csv = "known.csv" }]'))
    assert run(["space", "check", str(file), "--home", "runs"]) == 2
    text = capsys.readouterr().err
    assert "known.csv" in text
    assert message in text


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("between", [b",", b";", b"\t"])
def test_tables_that_spreadsheets_saved_are_read(here: Path, mark: bytes, between: bytes) -> None:
    from study.warm_start import warm_started

    (here / "known.csv").write_bytes(mark + b"inner.lr,model.blocks\r\n0.1,2\r\n".replace(b",", between))
    file = spec(here, **BLOCKS)
    file.write_text(file.read_text().replace('name = "s"', 'name = "s"\nenqueue = [{ csv = "known.csv" }]'))
    found = warm_started(load_spec(file), Home(here / "runs")).enqueued
    assert list(found.values()) == [{"inner.lr": 0.1, "model.blocks": 2}]


def test_spec_and_stores_files_may_begin_with_a_mark_and_are_named_if_they_are_no_utf_8(here: Path) -> None:
    from study.stores.urls import store_addresses

    file = spec(here, **BLOCKS)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert load_spec(file).study.name == "s"
    file.write_bytes(file.read_text("utf-8-sig").encode("utf-16"))
    with pytest.raises(SpecError, match=r"s\.toml is in UTF-16; save it as UTF-8"):
        load_spec(file)
    (here / "stores.toml").write_bytes(b'\xef\xbb\xbfmlflow = "http://127.0.0.1:5000"\n')
    assert store_addresses(here)["mlflow"] == "http://127.0.0.1:5000"
    (here / "stores.toml").write_bytes(b'mlflow = "http://h\xf6st:5000"\n')
    with pytest.raises(ValueError, match=r"stores\.toml is not UTF-8 text \(line 1, byte 0xf6\)"):
        store_addresses(here)


def test_graphs_without_a_gpu_are_refused_before_a_search_starts(here: Path) -> None:
    path = spec(here, **BLOCKS)
    path.write_text(path.read_text().replace('preset = "mamlpp"', 'preset = "mamlpp"\ndevice = "cpu"\ngraphs = "on"'))
    config = load_spec(path)
    with pytest.raises(InputError, match=r'graphs = "on" needs a CUDA device, and this run is on the CPU; use "auto"'):
        refuse_untrainable(config, load(config.data, Home(here / "runs").data))
