"""Designs give the arms of papers; two arms that are one training are refused."""

import pytest

from search_spaces import Arm, add_one_in, compile_arms, leave_one_out, plan
from trainers.normalise import merge, settings
from trainers.presets import preset

BASE = preset("mamlpp")
RUNNING = merge(BASE, {"norm.queries": "running"})


def test_leave_one_out_switches_one_component_off_in_each_arm() -> None:
    arms = compile_arms(BASE, leave_one_out(["MSL", "CA"]))
    assert list(arms) == ["MAML++", "MAML++ without MSL", "MAML++ without CA"]
    assert arms["MAML++ without MSL"][0].msl == "off"
    assert arms["MAML++ without MSL"][0].ca == arms["MAML++"][0].ca != "off"


def test_add_one_in_starts_from_all_components_off_and_keeps_everything_else() -> None:
    arms = compile_arms(BASE, add_one_in(["LSLR"], BASE))
    plain, full = arms["MAML"][0], compile_arms(BASE, [Arm("x")])["x"][0]
    assert (plain.msl, plain.da, plain.lslr, plain.ca, plain.bnwb, plain.bnrs) == ("off",) * 6
    assert (plain.inner, plain.outer, plain.budget, plain.episodes) == (
        full.inner,
        full.outer,
        full.budget,
        full.episodes,
    )
    assert arms["MAML + LSLR"][0].lslr == full.lslr
    with_lslr = settings(arms["MAML + LSLR"][0])
    differing = {path for path in with_lslr if with_lslr[path] != settings(plain).get(path)}
    assert differing == {"lslr", "lslr.granularity"}


def test_both_designs_compare_each_arm_with_its_base_and_the_bases_with_each_other() -> None:
    arms, pairs, _ = plan("both", ["MSL"], [], None, BASE)
    assert [arm.name for arm in arms] == ["MAML++", "MAML++ without MSL", "MAML", "MAML + MSL"]
    assert pairs == (("MAML++ without MSL", "MAML++"), ("MAML + MSL", "MAML"), ("MAML", "MAML++"))


def test_bnrs_is_an_arm_only_where_running_statistics_reach_a_prediction() -> None:
    batch, _, notes = plan("leave_one_out", None, [], None, BASE)
    running, _, none = plan("leave_one_out", None, [], None, RUNNING)
    assert (len(batch), len(running)) == (6, 7)
    assert "BNRS is not an arm" in notes[0]
    assert none == ()
    assert len(compile_arms(RUNNING, running)) == 7


def test_own_arms_are_compared_with_the_first_arm_or_the_named_one() -> None:
    own = [Arm("two", {"inner.steps": 2}), Arm("three", {"inner.steps": 3})]
    assert plan("arms", None, own, None, BASE)[1] == (("three", "two"),)
    assert plan("arms", None, own, "three", BASE)[1] == (("two", "three"),)
    assert plan("leave_one_out", ["MSL"], own, None, BASE)[1][1:] == (("two", "MAML++"), ("three", "MAML++"))


def test_a_base_that_is_no_arm_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r'ablation\.base = "MAML\+": unknown arm; did you mean MAML\?'):
        plan("add_one_in", ["MSL"], [], "MAML+", BASE)


def test_two_arms_that_are_the_same_training_are_refused_naming_both() -> None:
    with pytest.raises(ValueError, match='arms "MAML" and "mine" are the same training'):
        compile_arms(
            BASE, [*add_one_in(["MSL"], BASE), Arm("mine", dict.fromkeys(("msl", "da", "lslr", "ca", "bnwb"), "off"))]
        )


def test_one_name_for_two_arms_is_refused() -> None:
    with pytest.raises(ValueError, match='"x" stands there twice'):
        compile_arms(BASE, [Arm("x"), Arm("x", {"msl": "off"})])


def test_two_spellings_of_one_training_are_refused() -> None:
    base = {"inner": {"steps": 2}, "budget": {"epochs": 10}}
    arms = [Arm("one epoch", {"msl.epochs": 1}), Arm("a tenth", {"msl.epochs": 0.1, "device": "cpu"})]
    with pytest.raises(ValueError, match='arms "one epoch" and "a tenth" are the same training'):
        compile_arms(base, arms)
