"""A design repeated at several values of a setting: what a spec says, and what is trained."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

from reports.build import build_report
from reports.document import compose
from reports.records import TAG_REUSED_FROM
from reports.statistics.summary import summarise_ablation
from reports.verify import verify_documents
from study.engine.facts import facts_of
from study.looks import decided
from study.planning.page import plan_page
from study.planning.plan import StudyPlan, family_plans
from study.python.result import open_study
from study.results import load
from study.spec.config import SpecError, StudyConfig
from study.spec.families import declared_tests
from study.spec.parsing import load_spec, parse_spec
from study.stores.home import Home

from . import store_rows

EXAMPLES = Path(__file__).parents[2] / "examples" / "paper"
SPEC = """
[study]
name = "longer"
[data]
source = "glyphs"
[trainer]
preset = "mamlpp"
budget = { epochs = 10, iterations = 5 }
[ablation]
design = "both"
components = ["LSLR", "DA"]
across = { "budget.epochs" = [10, 20] }
seeds = 8
"""


def changed(old: str, new: str) -> StudyConfig:
    assert old in SPEC
    return parse_spec(SPEC.replace(old, new))


def test_every_arm_and_family_stands_at_every_value_and_each_effect_may_change() -> None:
    config = parse_spec(SPEC)
    assert len(config.arms) == 12
    for arm, (design, place) in (config.across.arms if config.across else {}).items():
        once = changed('across = { "budget.epochs" = [10, 20] }', "").arms[design][0].model_dump()
        assert config.arms[arm][0].model_dump() == {**once, "budget": {**once["budget"], "epochs": (10, 20)[place]}}
    first = config.families[0]
    assert (first.name, len(first.comparisons)) == ("leave one out", 4)
    assert first.comparisons[2] == ("MAML++ without LSLR (epochs = 20)", "MAML++ (epochs = 20)")
    assert {name: test.size for name, test in declared_tests(config).items()} == {
        "leave one out": 6, "add one in": 6, "whole method": 3,
    }  # fmt: skip


def test_the_design_of_a_factorial_and_of_a_sweep_is_kept() -> None:
    config = changed('design = "both"', 'design = "factorial"')
    assert config.factorial is not None
    assert config.across is not None
    assert {*config.factorial.arms} == {name for name, _ in config.across.arms.values()}
    assert facts_of(config)["design"] == asdict(config.factorial)


def test_positions_that_are_no_shares_are_said() -> None:
    assert parse_spec(SPEC).notes == ()
    (note,) = changed('preset = "mamlpp"', 'preset = "mamlpp"\nmsl.epochs = 3').notes
    assert note.startswith("across budget.epochs: msl.epochs = 3 stays so many epochs at every value; write a share")


@pytest.mark.parametrize(
    ("across", "problem"),
    [
        ('{ "budget.epochs" = [10] }', "ablation.across: repeats the design at two or more values of one setting"),
        ('{ "budget.epochs" = [10, 20], "inner.lr" = [0.1] }', "ablation.across: repeats the design at two or more"),
        ('{ "budget.epochs" = [10, 10] }', "ablation.across.budget.epochs: a value appears twice in [10, 10]"),
        ('{ "budget.epoks" = [10, 20] }', "ablation.across.budget.epoks: unknown key; did you mean epochs?"),
        ('{ "budget.epochs" = [10, "x"] }', "ablation.across.budget.epochs: must be a whole number"),
        ('{ device = ["cpu", "auto"] }', 'ablation.across.device: the arm "MAML++" trains the same with cpu and auto'),
        ('{ "lslr.granularity" = ["shared", "per_layer"] }', 'the arm "MAML + LSLR" sets lslr.granularity itself'),
        ('{ da = ["off", "on"] }', '"DA": has no effect: da is off in [trainer]'),
    ],
)
def test_a_setting_that_cannot_be_repeated_is_named(across: str, problem: str) -> None:
    with pytest.raises(SpecError) as caught:
        changed('{ "budget.epochs" = [10, 20] }', across)
    assert problem in str(caught.value)


def test_a_component_without_effect_at_one_value_is_said_with_the_value() -> None:
    with pytest.raises(SpecError, match=r"msl.epochs is 0 epochs of this run.* \(across: budget.epochs = 4\)"):
        parse_spec(SPEC.replace("[10, 20]", "[4, 20]").replace('"DA"]', '"MSL"]'))
    config = parse_spec(SPEC.replace("[10, 20]", "[4, 20]").replace('components = ["LSLR", "DA"]\n', ""))
    assert any(
        note
        == "at budget.epochs = 4 these arms are missing, so their change is unknown: MAML + MSL, MAML++ without MSL"
        for note in config.notes
    )


def test_the_example_adopts_the_runs_of_two_ordinary_studies() -> None:
    across, short, long = (load_spec(EXAMPLES / f"{n}.toml") for n in ("across_length", "ablation", "length_80"))
    assert across.across is not None
    for arm, (design, place) in across.across.arms.items():
        there = (short, long)[place].arms[design][0]
        assert across.fingerprint(across.arms[arm][0], 3, "data") == short.fingerprint(there, 3, "data")


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, StudyConfig]:
    """Return the home of an ordinary study and of one that repeats its arms, and the latter."""
    home = store_rows.fresh_home(tmp_path_factory.mktemp("across"))
    arms = {"slow": '{ "outer.lr" = 0.01 }', "fast": '{ "outer.lr" = 0.1 }'}
    store_rows.run(store_rows.ablation(arms, name="short", workers=1), home)
    text = store_rows.ablation(arms, name="both", workers=1).spec_text
    repeated = 'design = "arms"\nacross = { "budget.epochs" = [3, 5] }\nallow_underpowered = true'
    config = parse_spec(text.replace('design = "arms"', repeated))
    store_rows.run(config, home)
    return home, config


@pytest.mark.slow
def test_runs_of_an_ordinary_study_are_adopted_and_every_command_knows_the_changes(
    adopted: tuple[Home, StudyConfig],
) -> None:
    home, config = adopted
    info, records = load("both", home)
    assert info.across == config.across
    assert {run.arm for run in records if run.tags.get(TAG_REUSED_FROM)} == {"slow (epochs = 3)", "fast (epochs = 3)"}
    found = summarise_ablation(records, info)
    assert [(one.arm, one.base, one.estimate.n) for one in found.changes] == [("fast", "slow", 2)]
    assert (found.changes[0].finding, decided(found)) == ("no change in any seed", True)
    assert compose(records, info).title.endswith("across budget.epochs = 3, 5")
    frame = open_study("both", home=home).changes
    assert frame[["arm", "from", "to", "n"]].to_numpy().tolist() == [["fast", 3, 5, 2]]


@pytest.mark.slow
def test_a_report_of_adopted_runs_is_verified(adopted: tuple[Home, StudyConfig], tmp_path: Path) -> None:
    info, records = load("both", adopted[0])
    page = build_report(records, info, tmp_path / "report")
    assert verify_documents(page.parent) == []


def test_a_plan_says_that_sizes_count_changes() -> None:
    config = parse_spec(SPEC)
    families = family_plans(config.families, declared_tests(config), None)
    assert [one.size for one in families] == [6, 6, 3]
    plan = StudyPlan("s", "ablation", 12, 8, 96, 0, 1.0, 96.0, 1, 0, "", families, None, across="budget.epochs")
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(plan_page(plan))
    text = console.export_text()
    assert "Sizes count the comparisons at every value of budget.epochs, and how each changes." in text
