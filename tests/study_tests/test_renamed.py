"""Settings with a new name: refused in a spec of the user's, understood in one that a study has started with."""

from __future__ import annotations

import json

import pytest

from study.engine.plan import StudyChanged, frozen_json, refuse_change
from study.spec.config import SpecError
from study.spec.parsing import parse_spec

SPEC = """
[study]
name = "s"
[data]
source = "omniglot"
{turns} = "off"
[space]
{most} = 2.0
"inner.steps" = {{ low = 1, high = 3 }}
[budget]
trials = 2
"""
OLD, NEW = SPEC.format(turns="turns", most="max_work"), SPEC.format(turns="rotations", most="max_compute")


def test_an_old_name_is_refused_with_the_new_one() -> None:
    with pytest.raises(SpecError) as error:
        parse_spec(OLD)
    assert error.value.problems == [
        "data.turns: this setting is now called rotations; rename it",
        "space.max_work: this setting is now called max_compute; rename it",
    ]


def test_a_study_that_was_started_with_old_names_goes_on_with_the_new_ones() -> None:
    before, now = parse_spec(OLD, started=True), parse_spec(NEW)
    assert before.frozen_part() == now.frozen_part()
    tree = json.loads(frozen_json(now, "checksum"))
    tree["data"]["turns"] = tree["data"].pop("rotations")
    tree["space"]["max_work"] = tree["space"].pop("max_compute")
    refuse_change("s", json.dumps(tree), frozen_json(now, "checksum"))
    tree["data"]["turns"] = "classes"
    with pytest.raises(StudyChanged, match=r"data\.rotations: was 'classes', is now 'off'"):
        refuse_change("s", json.dumps(tree), frozen_json(now, "checksum"))


@pytest.mark.parametrize("line", ['device = "cpu"', "tasks_at_once = 2", "compile = true", 'graphs = "off"'])
def test_what_changes_no_result_may_change_between_two_starts(line: str) -> None:
    before = frozen_json(parse_spec(NEW), "checksum")
    refuse_change("s", before, frozen_json(parse_spec(f"{NEW}[trainer]\n{line}\n"), "checksum"))
    tree = json.loads(before)
    tree["trainer"]["tasks_at_once"] = 4  # as earlier versions wrote it
    refuse_change("s", json.dumps(tree), before)
