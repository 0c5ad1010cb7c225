"""Components on and off give the arms of papers; two arms that are one training are refused."""

import pytest

from search_spaces import Arm, add_one_in, compile_arms, leave_one_out
from trainers.overrides import settings
from trainers.presets import preset

BASE = preset("mamlpp")


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


def test_two_arms_that_are_the_same_training_are_refused_naming_both() -> None:
    with pytest.raises(ValueError, match='arms "MAML" and "mine" are the same training'):
        compile_arms(
            BASE, [*add_one_in(["MSL"], BASE), Arm("mine", dict.fromkeys(("msl", "da", "lslr", "ca", "bnwb"), "off"))]
        )


def test_one_name_for_two_arms_is_refused() -> None:
    with pytest.raises(ValueError, match='"x" appears twice'):
        compile_arms(BASE, [Arm("x"), Arm("x", {"msl": "off"})])


def test_two_spellings_of_one_training_are_refused() -> None:
    base = {"inner": {"steps": 2}, "budget": {"epochs": 10}}
    arms = [Arm("one epoch", {"msl.epochs": 1}), Arm("a tenth", {"msl.epochs": 0.1, "device": "cpu"})]
    with pytest.raises(ValueError, match='arms "one epoch" and "a tenth" are the same training'):
        compile_arms(base, arms)
