"""Verdicts: better, worse, equivalent, undecided; what would decide it; and what the headline says of components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from scipy.stats import t

from reports.document import compose
from reports.figures.effects import component_plot
from reports.metric import Metric
from reports.origin import Origin, SearchedTrial
from reports.records import Across, Factorial, Family, RunRecord, StudyInfo
from reports.sentences.compared import compared_sentence
from reports.sentences.headline import arm_sentences, verdict_sentences
from reports.statistics.comparison import Comparison
from reports.statistics.effects import effects_of
from reports.statistics.summary import Ablation, summarise_ablation
from reports.statistics.verdict import effect_size, equivalence_p, seeds_to_decide
from reports.tables.frames import comparisons_frame
from reports.tables.objects import ablation_object
from reports.tables.verdicts import verdict_table

from .example import record

WAVE = [0.001, -0.001, 0.002, -0.002, 0.0005, -0.0005, 0.001, -0.001]


def study(arms: Mapping[str, Sequence[float]], margin: float | None = None, **more: object) -> Ablation:
    info, rows = parts(arms, margin, **more)
    return summarise_ablation(rows, info)


def parts(
    arms: Mapping[str, Sequence[float]], margin: float | None = None, **more: object
) -> tuple[StudyInfo, list[RunRecord]]:
    """Return a study whose first arm is the base of all others."""
    base, *others = arms
    families = (Family("against base", tuple((arm, base) for arm in others)),)
    rows = [
        record(100 * i + seed, accuracy=value, arm=arm, seed=seed)
        for i, (arm, values) in enumerate(arms.items())
        for seed, value in enumerate(values)
    ]
    return StudyInfo("s", "ablation", families=families, margin=margin, **more), rows  # type: ignore[arg-type]


def one(shift: float, margin: float | None = None, wave: float = 1.0) -> Comparison:
    base = [0.9] * 8
    (found,) = study({"base": base, "arm": [0.9 + shift + wave * w for w in WAVE]}, margin).comparisons
    return found


@pytest.mark.parametrize(
    ("shift", "margin", "text"),
    [
        (0.03, None, "better"),
        (-0.03, None, "worse"),
        (0.03, 1.0, "better, by more than 1 point"),
        (-0.03, 1.0, "worse, by more than 1 point"),
        (0.003, 1.0, "better, by less than 1 point"),
        (0.0, 1.0, "equivalent (within 1 point)"),
        (0.0, 0.05, "undecided (about 63 seeds would decide it)"),
        (0.0, None, "undecided (more than 200 seeds would decide it)"),
        (0.0101, 1.0, "better"),
    ],
)
def test_each_rule_has_its_word(shift: float, margin: float | None, text: str) -> None:
    assert one(shift, margin).finding == text


def test_equivalence_is_the_larger_of_two_one_sided_p_by_hand() -> None:
    values = [0.0, 0.02, 0.01, 0.01]  # mean 0.01, standard error sqrt(2 / 3) / 200
    error = (2 / 3) ** 0.5 / 200
    assert equivalence_p(values, 0.02) == pytest.approx(t.cdf(-0.01 / error, 3))
    assert equivalence_p([0.01] * 4, 0.02) is None
    assert effect_size(values) == pytest.approx(0.01 / (error * 2))


def test_equivalence_is_adjusted_by_holm_over_the_family() -> None:
    wide = [3 * w for w in WAVE]
    arms = {"base": [0.9] * 8, "a": [0.9 + w for w in WAVE], "b": [0.9 + w for w in wide]}
    a, b = (c.verdict.equivalence_p or 1.0 for c in study(arms, 1.0).comparisons)
    assert a == pytest.approx(2 * (equivalence_p(WAVE, 0.01) or 0))
    assert b == pytest.approx(max(a, equivalence_p(wide, 0.01) or 0))


def test_runs_that_are_identical_are_no_evidence_of_an_effect_and_not_called_equivalent() -> None:
    found = one(0.0, 1.0, wave=0.0)
    assert (found.finding, found.verdict.equivalent, found.verdict.seeds) == ("no difference in any seed", False, None)


def test_seeds_that_would_decide_are_those_of_the_t_test_and_never_fewer_than_sign_flips_need() -> None:
    one_sd = [-0.2, 0.4, 0.9, 1.6, 2.3, 0.8]  # mean 0.967, standard deviation 0.883
    assert seeds_to_decide(one_sd, 1, 0.05, None) == 9  # of the noncentral t: 8 seeds have 75 %, 9 have 81 %
    assert (seeds_to_decide(one_sd, 11, 0.05, None) or 0) > 12
    assert seeds_to_decide([10.0, 10.1], 1, 0.05, None) == 6  # fewer flips cannot reach 0.05


def test_where_lower_is_better_the_lower_arm_is_better() -> None:
    metric = Metric("loss", better="lower", title="Loss")
    info, rows = parts({"base": [0.9] * 8, "arm": [0.8 + w for w in WAVE]}, 0.05)
    rows = [RunRecord(**{**vars(row), "metrics": {"loss": row.metrics["test_accuracy"]}}) for row in rows]
    (found,) = summarise_ablation(rows, StudyInfo(**{**vars(info), "metric": metric})).comparisons
    assert (found.estimate.mean < 0, found.finding) == (True, "better, by more than 0.05")


def both() -> Ablation:
    full, plain = [0.95] * 8, [0.90] * 8
    arms = {
        "MAML++": full,
        "MAML++ without LSLR": [0.91 + w for w in WAVE],
        "MAML++ without CA": [0.97 + w for w in WAVE],
        "MAML++ without MSL": [0.95 + w for w in WAVE],
        "MAML": plain,
        "MAML + LSLR": [0.93 + w for w in WAVE],
        "MAML + CA": [0.90 + w for w in WAVE],
        "MAML + MSL": [0.90 + w for w in WAVE],
    }
    _, rows = parts(arms)
    families = tuple(
        Family(name, tuple((arm, base) for arm in arms if arm.startswith(f"{base} ")))
        for name, base in (("leave one out", "MAML++"), ("add one in", "MAML"))
    )
    return summarise_ablation(rows, StudyInfo("s", "ablation", families=families))


def test_the_headline_names_components_with_their_effect_whichever_way_it_was_measured() -> None:
    assert verdict_sentences(both()) == [
        "LSLR helps: +3.00 points in MAML, +4.00 in MAML++.",
        "CA hurts in MAML++ (−2.00 points), is undecided in MAML (0.00 points).",
        "Also undecided: MSL in MAML and MAML++. Their 95 % intervals reach from −0.11 to +0.11 points.",
    ]
    effects = {(one.component, one.where): one for one in effects_of(both().comparisons)}
    assert effects["LSLR", "MAML++"].word == "better"
    assert effects["LSLR", "MAML++"].estimate.mean == pytest.approx(0.04)
    assert effects["CA", "MAML++"].turned


@pytest.mark.parametrize(("arm", "base", "lost"), [("M without LSLR", "M", "M without LSLR"), ("M + LSLR", "M", "M")])
def test_the_headline_says_that_runs_without_the_component_diverged(arm: str, base: str, lost: str) -> None:
    shift = -0.15 if arm == lost else 0.05
    info, rows = parts({base: [0.9] * 8, arm: [0.9 + shift + w for w in WAVE]})
    some = [replace(one, state="diverged") if (one.arm, one.seed) == (lost, 7) else one for one in rows]
    sentence, *_ = verdict_sentences(summarise_ablation(some, info))
    assert sentence.startswith("LSLR helps (1 run without it diverged): +"), sentence


def test_the_headline_keeps_what_is_alike_apart_and_counts_what_it_does_not_name() -> None:
    same = [0.9 + w for w in WAVE]
    assert verdict_sentences(study({"base": same, "arm": same})) == ["No difference in any seed: arm."]
    many = study({"base": same, **{f"arm {i}": [v + 0.01 * (i + 2) for v in same[::-1]] for i in range(10)}}, 0.5)
    first, *_, last = verdict_sentences(many)
    assert first.startswith("arm 2 against base: better, by more than 0.5 points (+4.00 points, ")
    assert last == "The table has the verdict on 2 more arms."


def test_the_page_says_at_its_top_what_was_compared() -> None:
    assert (
        compared_sentence(both())
        == "Compared over 8 seeds: LSLR, CA and MSL, each added to MAML and taken out of MAML++."
    )
    info, rows = parts({"base": [0.9] * 8, "arm": [0.9 + w for w in WAVE]}, 1.0)
    assert compared_sentence(summarise_ablation(rows, info)) == "Compared over 8 seeds: arm against base."
    alone = [row for row in rows if row.seed == 0]
    assert compared_sentence(summarise_ablation(alone, info)) == "Compared over 1 seed: arm against base."
    assert compared_sentence(summarise_ablation(rows, replace(info, families=()))) == ""


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        (
            [("MAML + LSLR", "MAML"), ("MAML++", "MAML")],
            "LSLR added to MAML; MAML++ against MAML",
        ),
        (
            [("M + CA", "M"), ("N without CA", "N"), ("N without DA", "N"), ("N", "M")],
            "CA added to M and taken out of N; DA taken out of N; N against M",
        ),
        (
            [(f"inner.steps = {n}", "inner.steps = 3") for n in (1, 2, 5)],
            "inner.steps = 1, 2 and 5 against inner.steps = 3",
        ),
        ([("M, rate 0.1", "M"), ("M, rate 0.2", "M"), ("trial 7", "base")], "2 arms against M; trial 7 against base"),
        ([(f"arm {n}", "base") for n in range(10)], "arm 0, arm 1, arm 2, arm 3, arm 4, arm 5, arm 6, arm 7 and 2 more"
                                                    " against base"),
    ],
)  # fmt: skip
def test_everything_that_was_compared_is_said(pairs: Sequence[tuple[str, str]], text: str) -> None:
    arms = dict.fromkeys(name for pair in pairs for name in pair)
    rows = [record(10 * i + s, accuracy=0.9, arm=arm, seed=s) for i, arm in enumerate(arms) for s in range(2 + (not i))]
    info = StudyInfo("s", "ablation", families=(Family("all", tuple(pairs)),))
    assert compared_sentence(summarise_ablation(rows, info)) == f"Compared over 2 to 3 seeds: {text}."
    across = Across(
        "budget.epochs", (5, 20), {f"{a} (epochs = {v})": (a, p) for p, v in enumerate((5, 20)) for a in arms}
    )
    twice = [replace(row, arm=f"{row.arm} (epochs = {v})", run_id=f"{v}{row.run_id}") for v in (5, 20) for row in rows]
    pairs = [(f"{a} (epochs = {v})", f"{b} (epochs = {v})") for v in (5, 20) for a, b in pairs]
    repeated = replace(info, families=(Family("all", tuple(pairs)),), across=across)
    found = compared_sentence(summarise_ablation(twice, repeated))
    assert found == f"Compared at budget.epochs = 5 and 20, over 2 to 3 seeds: {text}."


def test_a_factorial_is_said_as_its_combinations() -> None:
    on = {"M": ("A", "B"), "A": ("A",), "B": ("B",), "none": ()}
    info, rows = parts({arm: [0.9, 0.91] for arm in (*on, "other")})
    families = (Family("f", (("M", "none"), ("A", "none"), ("other", "M"))),)
    found = summarise_ablation(rows, replace(info, families=families, factorial=Factorial(("A", "B"), on)))
    assert compared_sentence(found) == "Compared over 2 seeds: all 4 combinations of A and B; other against M."


def test_the_compact_table_has_a_row_a_comparison_under_its_base() -> None:
    table = verdict_table(both())
    assert [column.title for column in table.columns][-2:] == ["Adjusted p", "Verdict"]
    assert [row[0].text for row in table.rows[:3]] == ["MAML++", "MAML++ without LSLR", "MAML++ without CA"]
    assert [row[-1].text for row in table.rows[:3]] == ["base", "worse", "better"]
    assert "No margin is declared" in "".join(table.notes)


def test_the_frame_of_comparisons_has_verdicts() -> None:
    info, rows = parts({"base": [0.9] * 8, "arm": [0.9 + w for w in WAVE]}, 1.0)
    (row,) = comparisons_frame(summarise_ablation(rows, info)).to_dict("records")
    assert (row["verdict"], row["seeds_to_decide"] is not None) == ("equivalent", False)
    assert row["finding"] == "equivalent (within 1 point)"
    assert row["p_equivalence"] == pytest.approx(equivalence_p(WAVE, 0.01))


def test_names_with_commas_are_told_apart() -> None:
    same = [0.9 + w for w in WAVE]
    shifted = [same[-1], *same[:-1]]
    arms = {"M": same, "M, rate 0.1": shifted, "M, rate 0.2": [*same[1:], same[0]]}
    assert verdict_sentences(study(arms))[0].startswith("Undecided: M, rate 0.1; M, rate 0.2. Their 95 % intervals")


def test_a_family_that_cannot_decide_says_so_instead_of_an_error_rate() -> None:
    few, enough = ("\n".join(arm_sentences(study({"b": [0.9] * n, "a": [0.95] * n}))) for n in (3, 8))
    assert few.startswith(
        "With 3 seeds no comparison can be significant, however large its difference: at least 6 seeds are needed.\n"
    )
    assert not any(word in few for word in ("ndecided", "comparison is"))
    assert "however large" not in enough
    held = arm_sentences(study({"b": [0.9] * 3, "a": [0.9, 0.901, 0.899]}, margin=3.0))
    assert held[-1].startswith("1 of 1 comparison is decided: ")


def test_too_few_seeds_are_the_verdict_where_no_data_could_decide() -> None:
    few, enough = (study({"b": [0.9] * n, "a": [0.95, 0.96] * (n // 2)}) for n in (4, 6))
    assert few.comparisons[0].finding == "too few seeds (about 6 would decide it)"
    assert (enough.comparisons[0].finding, few.comparisons[0].verdict.decided) == ("better", False)
    assert ablation_object(few)["comparisons"][0]["verdict"] == "undecided"
    figure = component_plot(few)
    assert figure is not None
    assert "+5.50  too few seeds" in [text.get_text() for text in figure.drawing.axes[0].texts]


def test_what_is_undecided_is_told_apart_by_where_it_was_measured() -> None:
    names = ("M", "M + A", "M + B", "N", "N without A", "N without B", "N without C")
    pairs = tuple((name, name[0]) for name in names if len(name) > 1)
    _, rows = parts({name: [0.9 + (place + 1) * w for w in WAVE] for place, name in enumerate(names)})
    found = summarise_ablation(rows, StudyInfo("s", "ablation", families=(Family("all", (*pairs, ("N", "M"))),)))
    (sentence,) = verdict_sentences(found)
    assert sentence.startswith("Undecided: A and B in M and N; C in N; N against M. Their 95 % intervals reach from −")


def test_trials_that_are_all_better_are_summed_up_with_their_base() -> None:
    arms = {"base": [0.9] * 8, **{f"trial {n}": [0.9 + n / 100 + w for w in WAVE] for n in (3, 5, 2)}}
    info, rows = parts(arms)
    report = compose(
        rows, replace(info, origin=Origin("hunt", {a: SearchedTrial(0, 0.9) for a in arms if a != "base"}))
    )
    first, second, third, *_ = report.headline
    assert first.startswith("All 3 trials are better than the base (90.00 %): by 2.00 to 5.00 points; their 95 %")
    assert second.startswith("trial 5 has the highest mean test accuracy, 95.00 % [")
    assert second.endswith("] over 8 seeds; the trials were not tested against each other.")
    assert third.startswith("3 of 3 comparisons are significant: ")
    assert report.subtitle == (
        "The best 3 trials of the search hunt, retrained on 8 fresh seeds: trial 3, trial 5 and trial 2 against base."
    )
    assert "Difference to the base" in [section.title for section in report.sections]
    worse = verdict_sentences(study({**arms, "trial 9": [0.8 + w for w in WAVE]}))
    assert worse[0].startswith("trial 3, trial 5 and trial 2 are better than the base (90.00 %): by ")
    assert worse[1].startswith("trial 9 against base: worse (−10.00 points, ")


def test_bases_stand_beside_the_best_mean() -> None:
    sentence = next(line for line in arm_sentences(both()) if "highest" in line)
    assert sentence.startswith("MAML++ without CA has the highest mean test accuracy, 97.00 % [")
    assert sentence.endswith("] over 8 seeds; MAML++ 95.00 %, MAML 90.00 %.")
