"""A setting that a spec file writes twice, in two spellings, is refused; so is a NUL character."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.cli.main import run as mamlab
from study.spec.config import SpecError
from study.spec.duplicate_settings import problems_of
from study.spec.from_python import study_config
from study.spec.parsing import load_spec, parse_spec


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[trainer]\n"inner.steps" = 3\n[trainer.inner]\nsteps = 4\n',
            'trainer.inner.steps: set twice, as trainer."inner.steps" and as trainer.inner.steps; leave one out',
        ),
        (
            '[space."outer.lr"]\nlow = 1\nhigh = 2\n[space.outer.lr]\nlow = 3\nhigh = 4\n',
            "space.outer.lr: defined twice, as a quoted and as a nested table; leave one out",
        ),
        (
            '[space."outer.lr"]\nlow = 1\nhigh = 2\n[space.outer.lr]\nchoices = [1, 2]\n',
            "space.outer.lr: defined twice, as a quoted and as a nested table; leave one out",
        ),
        (
            '[space.fix]\n"inner.steps" = 3\ninner = { steps = 3 }\n',
            'space.fix.inner.steps: set twice, as space.fix."inner.steps" and as space.fix.inner.steps; leave one out',
        ),
        (
            '[trainer]\ninner.steps = 3\n[space.fix]\n"inner.steps" = 5\n',
            "trainer.inner.steps: 3 here, but 5 in [space] fix; leave one out",
        ),
        (
            '[[ablation.arms]]\nname = "a"\nset = { "outer.lr" = 1.0, outer = { lr = 2.0 } }\n',
            'ablation.arms.1.set.outer.lr: set twice, as ablation.arms.1.set."outer.lr" and as '
            "ablation.arms.1.set.outer.lr; leave one out",
        ),
        (
            '[trainer]\nmsl = "off"\n"msl.epochs" = 3\n',
            'trainer.msl: set to "off", but trainer.msl.epochs is set too; leave one out',
        ),
        (
            '[data]\nsource = "image_folder"\npath = "pi\\u0000cs"\n',
            "data.path: contains a NUL character, which paths and databases do not allow; remove it",
        ),
        (
            '[study]\nname = "a"\nenqueue = [{ csv = "a\\u0000.csv" }]\n',
            "study.enqueue.1.csv: contains a NUL character, which paths and databases do not allow; remove it",
        ),
    ],
)
def test_what_stands_twice_and_nul_characters_are_named(text: str, told: str) -> None:
    assert problems_of(text) == [told]


@pytest.mark.parametrize(
    "text",
    [
        '[trainer]\n"inner.steps" = 3\n[trainer.inner]\nlr = 0.1\n',
        '[trainer]\nmsl = "on"\n"msl.epochs" = 3\n',
        '[trainer]\ninner.steps = 3\n[space.fix]\n"inner.steps" = 3\n',
        '[space."outer.lr"]\nlow = 1\nhigh = 2\n[space.outer.beta1]\nlow = 0.5\nhigh = 0.9\n',
        "no TOML",
    ],
)
def test_other_spellings_go_together(text: str) -> None:
    assert problems_of(text) == []


def test_a_file_is_refused_and_what_a_study_ran_with_before_can_still_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = '[study]\nname = "a"\n[data]\nsource = "glyphs"\n[trainer]\n"inner.steps" = 3\n[trainer.inner]\nsteps = 4\n'
    (file := tmp_path / "a.toml").write_text(text)
    assert parse_spec(text).base.inner.steps == 4
    with pytest.raises(SpecError, match="set twice"):
        load_spec(file)
    assert mamlab(["train", str(file), "--home", str(tmp_path / "runs")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {file}:\n         trainer.inner.steps: set twice, as ")
    assert not (tmp_path / "runs").exists()


def test_what_stands_twice_in_python_s_tables_is_refused_too() -> None:
    with pytest.raises(SpecError, match=r"trainer\.inner\.steps: set twice"):
        study_config("a", data="glyphs", trainer={"inner.steps": 3, "inner": {"steps": 4}})
    assert study_config("a", data="glyphs", trainer={"inner.steps": 3, "inner": {"lr": 0.5}}).base.inner.steps == 3


def test_a_home_of_a_user_who_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert mamlab(["status", "--home", "~nobody-of-that-name/runs"]) == 2
    assert "there is no user ~nobody-of-that-name here; write the full path" in capsys.readouterr().err
