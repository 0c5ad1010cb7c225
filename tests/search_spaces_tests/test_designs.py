"""Designs compile to arms and to the families in which they are compared."""

from typing import Any

import pytest

from search_spaces import Arm, FamilyOf, compile_arms, plan
from trainers.errors import InputError
from trainers.overrides import merge
from trainers.presets import preset

BASE = preset("mamlpp")
RUNNING = merge(BASE, {"norm.queries": "running"})
OWN = [Arm("two", {"inner.steps": 2}), Arm("three", {"inner.steps": 3})]


def names(found: Any) -> list[str]:
    return [arm.name for arm in found.arms]


def test_both_designs_compare_each_arm_with_its_base_and_the_bases_with_each_other() -> None:
    found = plan("both", BASE, components=["MSL", "CA"])
    assert names(found) == [
        "MAML++", "MAML++ without MSL", "MAML++ without CA", "MAML", "MAML + MSL", "MAML + CA",
    ]  # fmt: skip
    assert found.families == {
        "leave one out": (("MAML++ without MSL", "MAML++"), ("MAML++ without CA", "MAML++")),
        "add one in": (("MAML + MSL", "MAML"), ("MAML + CA", "MAML")),
        "whole method": (("MAML++", "MAML"),),
    }


def test_bnrs_is_an_arm_only_where_running_statistics_reach_a_prediction() -> None:
    batch, running = plan("leave_one_out", BASE), plan("leave_one_out", RUNNING)
    assert (len(batch.arms), len(running.arms)) == (6, 7)
    assert "BNRS is not an arm" in batch.notes[0]
    assert running.notes == ()
    assert len(compile_arms(RUNNING, running.arms)) == 7


def test_a_factorial_has_each_combination_once_under_the_names_of_the_other_designs() -> None:
    found = plan("factorial", BASE)
    assert (len(found.arms), found.factors) == (32, ("MSL", "DA", "LSLR", "CA", "BNWB"))
    assert set(names(plan("both", BASE))) <= set(names(found))
    assert found.on["MAML + MSL + CA"] == ("MSL", "CA")
    assert found.on["MAML++ without MSL, CA"] == ("DA", "LSLR", "BNWB")
    assert {name: len(pairs) for name, pairs in found.families.items()} == {
        "leave one out": 5, "add one in": 5, "whole method": 1,
    }  # fmt: skip
    compiled = compile_arms(BASE, found.arms)
    assert all((compiled[arm][0].lslr != "off") == ("LSLR" in on) for arm, on in found.on.items())


def test_a_factorial_of_some_components_leaves_the_others_on() -> None:
    found = plan("factorial", BASE, components=["MSL", "LSLR"])
    assert found.on == {
        "MAML++": ("MSL", "LSLR"), "MAML++ without LSLR": ("MSL",), "MAML++ without MSL": ("LSLR",),
        "MAML++ without MSL, LSLR": (),
    }  # fmt: skip
    assert found.families["whole method"] == (("MAML++", "MAML++ without MSL, LSLR"),)
    assert found.families["add one in"][0] == ("MAML++ without LSLR", "MAML++ without MSL, LSLR")
    assert compile_arms(BASE, found.arms)["MAML++ without MSL, LSLR"][0].ca != "off"


def test_a_factorial_of_one_component_is_refused() -> None:
    with pytest.raises(ValueError, match='"factorial" takes 2 to 8 components, not 1; name others, or choose'):
        plan("factorial", BASE, components=["MSL"])


@pytest.mark.parametrize("swept", [{"inner.steps": [1, 3, 5]}, {"inner": {"steps": [1, 3, 5]}}])
def test_a_sweep_has_an_arm_a_value_and_compares_them_with_the_value_of_the_base(swept: dict[str, Any]) -> None:
    found = plan("sweep", merge(BASE, {"inner.steps": 3}), swept=swept)
    assert found.values == {"inner.steps = 1": 1, "inner.steps = 3": 3, "inner.steps = 5": 5}
    assert found.families == {
        "inner.steps against inner.steps = 3": (
            ("inner.steps = 1", "inner.steps = 3"),
            ("inner.steps = 5", "inner.steps = 3"),
        ),
    }
    one_step, dropped = compile_arms(BASE, found.arms)["inner.steps = 1"]
    assert (one_step.msl, "msl" in {inert.path for inert in dropped}) == ("off", True)


def test_a_sweep_over_values_without_effect_is_refused_naming_both_arms() -> None:
    with pytest.raises(
        ValueError, match=r'arms "msl.tau = 0.1" and "msl.tau = 0.2" are the same training \(in the latter'
    ):
        compile_arms(BASE, plan("sweep", BASE, swept={"msl.tau": [0.1, 0.2]}).arms)


@pytest.mark.parametrize("swept", [None, {"inner.steps": [1]}, {"inner.steps": 3}, {"a": [1, 2], "b": [1, 2]}])
def test_a_sweep_of_not_one_setting_or_not_two_values_is_refused(swept: Any) -> None:
    with pytest.raises(ValueError, match="varies one setting over at least two values; write sweep ="):
        plan("sweep", BASE, swept=swept)


def test_what_a_design_does_not_use_is_refused() -> None:
    with pytest.raises(ValueError, match='design = "sweep" does not switch components; leave them out'):
        plan("sweep", BASE, components=["MSL"], swept={"inner.steps": [1, 2]})
    with pytest.raises(ValueError, match='only design = "sweep" uses it, not "both"'):
        plan("both", BASE, swept={"inner.steps": [1, 2]})


def test_own_arms_are_compared_with_the_first_arm_or_the_named_one() -> None:
    assert plan("arms", BASE, own=OWN).families == {"own arms": (("three", "two"),)}
    assert plan("arms", BASE, own=OWN, own_base="three").families == {"own arms": (("two", "three"),)}
    with_design = plan("leave_one_out", BASE, components=["MSL"], own=OWN).families
    assert with_design["own arms"] == (("two", "MAML++"), ("three", "MAML++"))


def test_declared_families_take_the_place_of_the_designs_own() -> None:
    wanted = [FamilyOf("rates", "MAML", ("MAML + LSLR",)), FamilyOf("all", "MAML++")]
    found = plan("both", BASE, components=["LSLR"], families=wanted).families
    assert found == {
        "rates": (("MAML + LSLR", "MAML"),),
        "all": (("MAML++ without LSLR", "MAML++"), ("MAML", "MAML++"), ("MAML + LSLR", "MAML++")),
    }


@pytest.mark.parametrize(
    ("families", "message"),
    [
        ([FamilyOf("f", "MAML", ("MAML + LSRL",))], 'families "f": unknown arm; did you mean MAML'),
        ([FamilyOf("f", "MAML", ("MAML",))], 'families "f": "MAML" is compared with itself; leave it out of arms'),
        ([FamilyOf("f", "MAML"), FamilyOf("g", "MAML", ("MAML++",))], 'is in "f" too; a comparison has one family'),
        ([FamilyOf("f", "MAML"), FamilyOf("f", "MAML++")], "the name appears twice"),
    ],
)
def test_families_that_cannot_be_are_refused(families: list[FamilyOf], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan("both", BASE, components=["LSLR"], families=families)


def test_a_base_that_is_no_arm_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r'ablation\.base = "MAML\+": unknown arm; did you mean MAML\?'):
        plan("add_one_in", BASE, components=["MSL"], own_base="MAML+")


@pytest.mark.parametrize(
    ("on", "instead"), [({"lslr": "on"}, "leave_one_out"), ({"lslr": "on", "ca": "on"}, "factorial")]
)
def test_both_designs_of_one_or_two_components_would_train_the_same_twice(on: dict[str, str], instead: str) -> None:
    with pytest.raises(InputError, match=f'the same twice: only .* on in .trainer.; write design = "{instead}"'):
        plan("both", merge(preset("maml"), on))


def test_what_is_called_as_the_whole_method_without_being_it_is_said() -> None:
    found = plan("leave_one_out", merge(preset("maml"), {"lslr": "on"}))
    assert found.notes == ('"MAML++" here is [trainer] as it stands, in which MSL, DA, CA, BNWB, BNRS are off',)
    assert not any("as it stands" in note for note in plan("both", preset("mamlpp")).notes)
