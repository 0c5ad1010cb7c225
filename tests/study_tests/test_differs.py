"""The tag that says what sets a run apart from its study's base."""

from __future__ import annotations

import json
from pathlib import Path

from study.engine.differs import BASE, TAG, differs
from study.engine.views import views_of
from study.spec.parsing import parse_spec
from trainers.known_method import MAMLPP

from .store_rows import ablation, fresh_home, mlflow_runs, run

SPEC = """
[study]
name = "s"
[data]
source = "glyphs"
[trainer]
preset = "mamlpp"
budget.epochs = 10
[ablation]
design = "arms"
[[ablation.arms]]
name = "whole"
[[ablation.arms]]
name = "other"
set = { ca = "off", inner.lr = 0.2, lslr.granularity = "shared", device = "cpu" }
"""


def test_settings_that_differ_are_named_without_those_of_a_component_that_is_off_and_those_of_the_machine() -> None:
    config = parse_spec(SPEC)
    whole, other = (config.arms[name][0] for name in ("whole", "other"))
    assert differs(whole, config.base, MAMLPP) == BASE
    assert differs(other, config.base, MAMLPP) == "inner.lr = 0.2, lslr.granularity = shared, ca = off"
    assert differs(whole, other, MAMLPP).startswith("ca = on, ")


def test_each_run_has_the_tag_and_the_saved_views_show_it(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    run(ablation({"slow": '{ "outer.lr" = 0.01 }', "base": "{}"}, seeds=1), home)
    tags = {one.data.tags["arm"]: one.data.tags[TAG] for one in mlflow_runs(home, "arms")}
    assert tags == {"slow": "outer.lr = 0.01", "base": BASE}
    for view in (*views_of("search", ("inner.lr",)), *views_of("ablation")[1:]):
        assert f"tags.`{TAG}`" in json.loads(view.state())["selectedColumns"]
