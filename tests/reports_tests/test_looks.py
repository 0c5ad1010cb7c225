"""Looks at a growing study: their levels, what a look decides, and looks that nobody declared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm, t

from reports.build import build_report
from reports.data.files import read_files, write_files
from reports.document import compose
from reports.recorded_looks import RecordedLook, recorded_look
from reports.records import Family, RunRecord, StudyInfo
from reports.statistics.look_progress import complete_seeds, look_progress_of
from reports.statistics.looks import error_rate, look_levels, undeclared_rate
from reports.statistics.summary import Ablation, summarise_ablation
from reports.tables.ablation import family_table

from .example import record

FAMILIES = (Family("against base", (("better", "base"), ("noise", "base"))),)
INFO = StudyInfo("s", "ablation", families=FAMILIES, looks=(8, 12, 16))
NOISE = [0.01, -0.01, 0.012, -0.008, 0.004, -0.003, 0.002, -0.006, 0.03, 0.03, 0.03, 0.03, 0.02, 0.01, 0.02, 0.01]


def runs(seeds: int, better: float = 0.05) -> list[RunRecord]:
    """Return arm "better" with a constant gain (but for a little), and "noise", which only gains from seed 8 on."""
    found = []
    for seed in range(seeds):
        base = 0.9 + 0.001 * (seed % 3)
        values = {"base": base, "better": base + better + 0.001 * (seed % 2), "noise": base + NOISE[seed]}
        found += [record(10 * seed + i, accuracy=v, arm=arm, seed=seed) for i, (arm, v) in enumerate(values.items())]
    return found


def found(seeds: int, *shown: int, **changes: object) -> Ablation:
    looks = tuple(RecordedLook(tuple(range(count)), INFO.looks) for count in shown)
    return summarise_ablation(runs(seeds), replace(INFO, shown=looks, **changes))  # type: ignore[arg-type]


def test_the_levels_of_8_12_and_16_seeds_are_those_of_an_independent_calibration() -> None:
    assert look_levels((8, 12, 16)) == pytest.approx([0.0177, 0.0227, 0.0323], abs=2e-4)
    assert look_levels((8, 12, 16))[0] == pytest.approx(0.05 * 0.5**1.5)
    assert [*look_levels((8,)), *look_levels((8,), one_sided=True)] == [0.05, 0.05]
    assert error_rate((8, 12, 16), look_levels((8, 12, 16))) == pytest.approx(0.05, abs=1e-6)


def test_one_sided_levels_keep_5_percent_of_a_normal_walk_in_one_direction() -> None:
    levels = look_levels((8, 12, 16), one_sided=True)
    walk = np.random.default_rng(0).normal(size=(200_000, 16)).cumsum(1)[:, [7, 11, 15]] / np.sqrt([8, 12, 16])
    assert (walk > norm.isf(levels)).any(1).mean() == pytest.approx(0.05, abs=0.002)


def test_two_looks_that_nobody_declared_cost_what_a_bivariate_normal_says() -> None:
    walk = np.random.default_rng(1).normal(size=(200_000, 16)).cumsum(1)[:, [7, 15]] / np.sqrt([8, 16])
    simulated = (np.abs(walk) > norm.isf(0.025)).any(1).mean()
    assert undeclared_rate([8, 16]) == pytest.approx(simulated, abs=0.002)
    assert undeclared_rate([3, 8]) == pytest.approx(0.05)  # three seeds can decide nothing
    one_sided = (walk > norm.isf(0.05)).any(1).mean()
    assert undeclared_rate([8, 16], one_sided=True) == pytest.approx(one_sided, abs=0.002)
    assert undeclared_rate([3, 8], one_sided=True) > 0.07  # but they can be equivalent


def test_before_the_first_look_nothing_is_tested() -> None:
    early = found(7)
    assert (early.look_progress.looks, early.look_progress.next) == ((), 8)
    assert [(c.test.adjusted, c.verdict.word) for c in early.comparisons] == [(None, "undecided")] * 2
    assert "no test before the first look" in "".join(family_table(early, "against base").notes)


def test_seeds_beyond_a_look_wait_for_the_next_one() -> None:
    between = found(10)
    assert [arm.estimate.n for arm in between.arms] == [8, 8, 8]
    assert len(between.excluded) == 6
    assert between.excluded[0].reason == "complete, but beyond the look at 8 seeds; counts at the next, at 12"
    assert between.comparisons[0].estimate.n == 8


def test_an_interval_has_the_level_of_its_look() -> None:
    (look,) = found(8).look_progress.looks
    at_look, plain = found(8).comparisons[1].estimate, found(8, looks=()).comparisons[1].estimate
    assert (look.level, plain.n) == (look_levels((8, 12, 16))[0], 8)
    assert at_look.low is not None
    assert plain.low is not None
    wider = t.ppf(1 - 0.05 * 0.5**1.5 / 2, 7) / t.ppf(0.975, 7)
    assert (at_look.mean - at_look.low) / (plain.mean - plain.low) == pytest.approx(wider)


def test_what_a_look_has_decided_stays_decided_and_the_others_are_tested_alone_at_the_next() -> None:
    first, second = found(8), found(12, 8)
    assert [c.verdict.direction for c in first.comparisons] == ["better", ""]
    better, noise = second.comparisons
    assert (better.test.look, better.test.adjusted, better.test.family_size) == (8, 2 / 256, 2)
    assert (noise.test.look, noise.test.level, noise.test.family_size) == (12, look_levels((8, 12, 16))[1], 1)
    assert better.finding == "better at 8 seeds"


def later(seed: int, **changes: object) -> list[RunRecord]:
    """Return twelve seeds in which arm "better" is otherwise from seed 8 on, or in one seed, if that is named."""
    return [
        replace(one, **changes) if one.arm == "better" and one.seed is not None and one.seed >= seed else one  # type: ignore[arg-type]
        for one in runs(12)
    ]


def test_a_direction_is_that_of_the_look_that_decided_it() -> None:
    turned = later(8, metrics={**runs(1)[0].metrics, "test_accuracy": 0.1})
    info = replace(INFO, shown=(RecordedLook(tuple(range(8)), INFO.looks),))
    assert summarise_ablation(turned, info).comparisons[0].finding == "better at 8 seeds"


def test_what_a_look_found_equivalent_stays_so_though_a_later_seed_diverges() -> None:
    lost = later(11, state="diverged", metrics={})
    info = replace(INFO, margin=10.0, shown=(RecordedLook(tuple(range(8)), INFO.looks, 10.0),))
    assert [c.verdict.equivalent for c in summarise_ablation(runs(8), info).comparisons] == [True, True]
    assert summarise_ablation(lost, info).comparisons[0].verdict.equivalent


def test_a_look_that_nobody_took_is_forfeited() -> None:
    assert [len(look.seeds or ()) for look in found(16).look_progress.looks] == [16]
    assert [len(look.seeds or ()) for look in found(16, 9).look_progress.looks] == [
        8,
        16,
    ]  # shown with 9
    assert found(16).comparisons[0].test.look == 16


def test_a_seed_is_complete_when_every_compared_arm_has_ended_and_a_gap_ends_the_first_seeds() -> None:
    rows = [one for one in runs(10) if (one.arm, one.seed) != ("noise", 8)]
    assert complete_seeds(rows, FAMILIES) == (0, 1, 2, 3, 4, 5, 6, 7, 9)
    rows = [one for one in runs(10) if (one.arm, one.seed) != ("noise", 5)]
    assert look_progress_of(rows, INFO).looks == ()


def test_undeclared_looks_are_said_with_their_rate() -> None:
    free = replace(
        INFO, looks=(), shown=(RecordedLook((0, 1, 2)), RecordedLook(tuple(range(8))), RecordedLook(tuple(range(16))))
    )
    headline = "".join(compose(runs(16), free).headline)
    assert "also looked at with 8 seeds, which was not declared" in headline
    assert "in about 8.3 % of such studies" in headline
    early = replace(free, shown=(RecordedLook((0, 1, 2)),))
    assert "not declared" not in "".join(compose(runs(16), early).headline)
    seen = replace(early, margin=1.0, shown=(RecordedLook((0, 1, 2), (), 1.0),))
    headline = "".join(compose(runs(16), seen).headline)
    rate = 100 * undeclared_rate([3, 16], one_sided=True)
    assert f"one whose true difference is the margin is called equivalent in about {rate:.1f} %" in headline
    assert "significant in" not in headline


def test_looks_or_a_margin_that_changed_after_a_look_are_said() -> None:
    changed = replace(INFO, shown=(RecordedLook(tuple(range(8)), (8, 16), 1.0),))
    (remark,) = look_progress_of(runs(8), changed).remarks
    assert remark.startswith("When 8 seeds were shown, the spec declared looks [8, 16] and a margin of 1: what it")


def test_a_test_an_adjustment_and_families_that_changed_after_a_look_are_said() -> None:
    seen = RecordedLook(tuple(range(8)), (), None, INFO.test, INFO.adjust, INFO.families)
    free = replace(INFO, looks=(), shown=(seen,))
    grown = tuple(replace(one, comparisons=(*one.comparisons, ("other", "base"))) for one in INFO.families)
    for same in (free, replace(free, families=grown), replace(free, shown=(RecordedLook(seen.seeds),))):
        assert look_progress_of(runs(8), same).remarks == ()
    apart = tuple(Family(arm, ((arm, base),)) for one in INFO.families for arm, base in one.comparisons)
    changed = replace(free, test="moderated", adjust="study", families=apart, margin=1.0)
    (remark,) = look_progress_of(runs(8), changed).remarks
    said = 'declared no margin, test = "max_t", adjust = "family" and other families of comparisons: what it'
    assert said in remark
    assert recorded_look(seen.as_tree()) == seen


def test_a_published_report_carries_its_looks_and_is_made_again_with_them(tmp_path: Path) -> None:
    info = replace(INFO, margin=1.0, shown=(RecordedLook(tuple(range(8)), (8, 12, 16), 1.0),))
    page = build_report(runs(12), info, tmp_path)
    again, rows = read_files(tmp_path)
    assert (again.looks, again.margin, again.shown) == (info.looks, 1.0, info.shown)
    assert build_report(rows, again, tmp_path / "again").read_bytes() == page.read_bytes()


def test_a_study_without_looks_has_none_in_its_file(tmp_path: Path) -> None:
    write_files(runs(2), replace(INFO, looks=()), tmp_path)
    text = (tmp_path / "study.json").read_text()
    assert not any(f'"{key}"' in text for key in ("looks", "margin", "shown"))
