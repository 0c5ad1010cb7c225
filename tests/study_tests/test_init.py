from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.cli.init import TEMPLATES
from study.cli.main import run
from study.spec.parsing import load_spec, parse_spec
from study.spec.set_options import load_given
from study.spec.trainable import refuse_untrainable
from trainers.data import load
from trainers.data.survey import survey

KINDS = [("search", False), ("search", True), ("ablation", False), ("ablation", True), ("images", True)]
TINY = [
    "budget.epochs=4", "budget.iterations=1", "model.filters=2", "evaluation.val_tasks=2", "evaluation.test_tasks=2",
    "episodes.tasks=1", "inner.steps=2",
]  # fmt: skip


def draw(folder: Path, classes: int = 12, each: int = 4, side: int = 40, mode: str = "RGB") -> Path:
    random = np.random.default_rng(0)
    for c in range(classes):
        (folder / f"class {c}").mkdir(parents=True)
        for i in range(each):
            pixels = random.integers(0, 255, (side, side + i, 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(folder / f"class {c}" / f"{i}.png")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAMLAB_HOME", raising=False)
    return tmp_path


@pytest.mark.parametrize(("kind", "pictures"), KINDS)
def test_every_file_that_init_writes_can_be_trained_on_what_it_was_fitted_to(
    kind: str, pictures: bool, here: Path, glyphs_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = [str(draw(here / "my leaves"))] if pictures else []
    assert run(["init", kind, *folder]) == 0
    said = capsys.readouterr().out
    assert "Next: mamlab plan" in said
    assert f"Next: mamlab {'ablate' if kind == 'ablation' else 'search'} {kind}.toml" in said
    config = load_spec(here / f"{kind}.toml")
    assert "@" not in config.spec_text
    data = load(config.data, glyphs_folder if not pictures else here)
    refuse_untrainable(config, data)
    if pictures:
        assert config.base.episodes.ways == 2  # 12 classes are split into 8, 2 and 2
        assert config.base.episodes.shots + config.base.episodes.queries == 4
        assert data.images.shape[2:] == (32, 32)
        assert "my-leaves" in config.study.name


def test_what_is_commented_out_in_a_file_may_be_used(here: Path) -> None:
    assert run(["init", "images", str(draw(here / "leaves"))]) == 0
    text = Path("images.toml").read_text()
    for line in ('# "msl.schedule"', '# "ca"', "# hours"):
        assert line in text
        text = text.replace(line, line.removeprefix("# "))
    space = parse_spec(text).space
    assert space is not None
    assert {"msl.schedule", "ca", "inner.lr", "outer.lr", "lslr.granularity"} <= space.dimensions.keys()


def test_grey_pictures_and_the_one_folder_here_are_found(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "notes").mkdir()
    draw(here / "leaves", classes=20, each=30, side=64, mode="L")
    assert run(["init", "images"]) == 0
    config = load_spec(here / "images.toml")
    assert "grayscale = true" in config.spec_text
    assert (config.base.episodes.ways, config.base.episodes.queries) == (3, 15)
    assert "20 classes, 600 pictures, grey; 13 train, 3 val, 4 test classes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["init", "serch"], "init serch: unknown kind; choose one of search, ablation, images, examples"),
        (["init", "images"], "name the folder of pictures: mamlab init images FOLDER"),
        (["init", "search", "absent"], "absent is not a folder"),
        (["init", "images", "few"], "few"),
    ],
)
def test_what_init_cannot_do_is_said_and_nothing_is_written(
    args: list[str], told: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(here / "few", classes=4)
    assert run(args) == 2
    assert told in capsys.readouterr().err
    assert not list(here.glob("*.toml"))


def test_a_folder_that_no_spec_can_name_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(here / "l\udce9")
    assert run(["init", "images"]) == 2
    assert "l\\udce9 is not UTF-8, which a spec file cannot hold; rename it" in capsys.readouterr().err
    assert not list(here.glob("*.toml"))


def test_a_file_that_is_there_is_never_replaced(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("search.toml").write_text("mine")
    assert run(["init", "search"]) == 2
    assert "search.toml already exists; move it away, or name another file with --out" in capsys.readouterr().err
    assert run(["init", "search", "--out", "my other.toml"]) == 0
    assert Path("search.toml").read_text() == "mine"
    assert load_spec("my other.toml").study.name == "my-other"


def test_the_examples_are_written_whole(here: Path) -> None:
    assert run(["init", "examples"]) == 0
    files = sorted(Path("examples").rglob("*.toml"))
    assert len(files) > 9
    for file in files:
        load_spec(file)
    assert run(["init", "examples"]) == 2


def test_a_survey_counts_what_is_there(tmp_path: Path) -> None:
    draw(tmp_path / "a", classes=10, each=3, side=50)
    (tmp_path / "a" / "class 0" / "0.png").unlink()
    found = survey(tmp_path / "a")
    assert (found.classes, found.pictures, found.side, found.grey) == (10, 29, 50, False)
    assert found.smallest == ("class 0", 2)
    assert found.fewest_classes == 2
    assert not found.alike


def test_each_template_is_of_a_kind() -> None:
    assert {file.stem for file in TEMPLATES.iterdir()} == {kind for kind, _ in KINDS}


@pytest.mark.docs
@pytest.mark.parametrize(("kind", "pictures"), KINDS)
def test_every_file_that_init_writes_runs(kind: str, pictures: bool, here: Path, glyphs_folder: Path) -> None:
    folder = [str(draw(here / "leaves"))] if pictures else []
    (here / "runs").mkdir()
    (here / "runs" / "data").symlink_to(glyphs_folder, target_is_directory=True)
    assert run(["init", kind, *folder]) == 0
    own = (
        ["msl.epochs=1", "ablation.seeds=2", "ablation.allow_underpowered=true"]
        if kind == "ablation"
        else ["budget.trials=3"]
    )
    tiny = [word for text in [*TINY, *own, "execution.workers=1"] for word in ("--set", text)]
    command = "ablate" if kind == "ablation" else "search"
    assert run([command, f"{kind}.toml", *tiny, "--quiet"]) == 0
    assert load_given(Path(f"{kind}.toml"), [*TINY[:1], *own]).base.budget.epochs == 4
