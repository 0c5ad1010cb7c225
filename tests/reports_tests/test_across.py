"""Whether effects change between values of a setting: by hand, by the brute-force test, and on both scales."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from reports.build import build_report
from reports.data.loading import from_files
from reports.document import compose
from reports.records import Across, Factorial, Family, RunRecord, StudyInfo, Sweep
from reports.sentences.headline import verdict_sentences
from reports.statistics.changes import EffectChange
from reports.statistics.comparison import Comparison
from reports.statistics.summary import Ablation, summarise_ablation
from reports.tables.frames import changes_frame
from reports.tables.objects import ablation_object
from reports.verify import verify_documents

from .example import record

Values = Sequence[float | str]
ACROSS = Across(
    "budget.epochs", (20, 80),
    {f"{arm} (epochs = {value})": (arm, place) for place, value in enumerate((20, 80))
     for arm in ("MAML++", "MAML++ without CA", "MAML++ without DA")},
)  # fmt: skip
FAMILY = Family(
    "leave one out",
    tuple(
        (f"MAML++ without {part} (epochs = {v})", f"MAML++ (epochs = {v})") for v in (20, 80) for part in ("CA", "DA")
    ),
)
INFO = StudyInfo("longer", "ablation", families=(FAMILY,), across=ACROSS)


def rows(arms: Mapping[str, Values], **params: str) -> list[RunRecord]:
    """Return the runs of arms: an accuracy a seed, or the state that its run ended in."""
    return [
        record(100 * i + seed, accuracy=value, arm=arm, seed=seed, params=params)
        if isinstance(value, float)
        else record(100 * i + seed, value, None, arm=arm, seed=seed)
        for i, (arm, values) in enumerate(arms.items())
        for seed, value in enumerate(values)
    ]


def study(first: Sequence[Values], then: Sequence[Values], margin: float | None = None) -> Ablation:
    """Return an ablation of MAML++, without CA and without DA, at both values."""
    names = list(ACROSS.arms)
    return summarise_ablation(rows(dict(zip(names, (*first, *then), strict=True))), replace(INFO, margin=margin))


def numbers(shift: float, spread: float, seed: int, n: int = 8) -> list[float]:
    return [round(shift + spread * float(x), 6) for x in np.random.default_rng(seed).normal(size=n)]


def test_a_change_is_the_difference_of_differences_seed_by_seed() -> None:
    base, later = [0.50, 0.52, 0.54], [0.60, 0.63, 0.61]
    found = study([base, [0.49, 0.50, 0.51], base], [later, [0.56, 0.60, 0.60], later])
    first, second = found.changes
    # Without CA: -1, -2, -3 points at 20 epochs; -4, -3, -1 at 80: changes of -3, -1 and +2 points.
    assert list(first.differences.values()) == pytest.approx([-0.03, -0.01, 0.02])
    assert (first.arm, first.base, first.place) == ("MAML++ without CA", "MAML++", 1)
    assert first.estimate.mean == pytest.approx(-0.02 / 3)
    assert first.test.p == pytest.approx(0.75)  # |-2| of |+-3 +-1 +-2|: 0, 2, 4, 6; three of four are at least 2
    assert second.finding == "no change in any seed"
    assert second.test.p == 1.0


def test_comparisons_and_changes_are_judged_by_one_test() -> None:
    values = [numbers(0.6, 0.01, seed) for seed in range(6)]
    values[4] = [value - 0.02 for value in values[3]]
    found = study(values[:3], values[3:])
    family: list[Comparison | EffectChange] = [*found.comparisons, *found.changes]
    table = np.array([[value for _, value in sorted(one.differences.items())] for one in family])
    assert [one.test.adjusted for one in family] == pytest.approx(list(brute_force(table)))
    assert {one.test.family_size for one in family} == {6}


def brute_force(table: np.ndarray) -> np.ndarray:
    """Return step-down maxT by all 2^n flips, the slow way."""
    signs = np.array(list(product((1, -1), repeat=table.shape[1])))
    root = np.sqrt((table**2).sum(1))
    every = np.abs(signs @ table.T) / root
    order, p, before = np.argsort(-every[0]), np.empty(len(table)), 0.0
    for step, place in enumerate(order):
        before = max(before, float((every[:, order[step:]].max(1) >= every[0, place] * (1 - 1e-9)).mean()))
        p[place] = before
    return p


def near_the_ceiling() -> Ablation:
    """Return effects that are equal in log odds: 4 points at 80 %, 0.4 points at 98 %."""
    logits = {place: numbers(centre, 0.05, place) for place, centre in enumerate((1.4, 4.2))}
    sides: list[list[list[float]]] = []
    for place, own in logits.items():
        noise = numbers(0, 0.03, 7 + place)
        less = [_share(value - 0.3 + wave) for value, wave in zip(own, noise, strict=True)]
        sides.append([[_share(value) for value in own], less, less])
    return study(sides[0], sides[1])


def _share(logit: float) -> float:
    return round(1 / (1 + float(np.exp(-logit))), 5)


def test_an_effect_near_the_ceiling_changes_only_if_it_does_in_log_odds_too() -> None:
    found = near_the_ceiling()
    change = found.changes[0]
    assert (change.verdict.direction, change.changes, change.decided) == ("better", False, False)
    assert change.finding == "changes in points, but in log odds that is undecided"
    amount = f"−{100 * change.estimate.mean:.2f}"  # of having CA: of the arm without it the sign is the other
    said = verdict_sentences(found)[0]
    assert said.endswith(f"; from 20 to 80 it changes by {amount} points, but in log odds that is undecided.")
    values = [numbers(0.6, 0.004, seed) for seed in range(6)]
    values[1] = [value - 0.05 for value in values[0]]
    clear = study(values[:3], values[3:]).changes[0]
    assert (clear.changes, clear.finding, clear.decided) == (True, "changes", True)


def test_a_change_that_lies_within_the_margin_holds() -> None:
    values = [numbers(0.6, 0.004, seed) for seed in range(6)]
    found = study(values[:3], values[3:], margin=3.0)
    assert {change.finding for change in found.changes} == {"holds (within 3 points)"}
    assert all(change.decided and not change.changes for change in found.changes)


def test_where_a_run_diverged_a_change_is_one_of_signed_ranks() -> None:
    base, less = [0.6] * 4, [0.61, 0.62, 0.63, 0.64]
    found = study([base, less, base], [["diverged", *base[1:]], ["diverged", "diverged", *less[2:]], base])
    change = found.changes[0]
    # Seed 0: arm and base diverged at 80; seed 1: the arm alone; 2 and 3 do not change.
    assert change.test.ranks
    assert change.differences == {2: 0.0, 3: 0.0}
    assert change.diverged == 3
    assert change.test.seeds == 4
    assert change.test.p == 1.0  # one rank alone is as likely on either side


def test_a_change_needs_all_four_arms() -> None:
    names = [name for name in ACROSS.arms if name != "MAML++ (epochs = 80)"]
    found = summarise_ablation(rows({name: numbers(0.6, 0.01, i) for i, name in enumerate(names)}), INFO)
    assert [change.estimate.n for change in found.changes] == [0, 0]


def test_the_headline_says_what_holds_and_what_changes() -> None:
    values = [numbers(0.6, 0.004, seed) for seed in range(6)]
    values[1] = [value - 0.05 for value in values[0]]
    first, second = verdict_sentences(study(values[:3], values[3:]))
    assert first.startswith("CA in MAML++: helps at budget.epochs = 20 (+5.00 points), is undecided at 80 (")
    assert "; from 20 to 80 it changes by −5.15 points." in first
    assert second == "Undecided at every value of budget.epochs, and whether it changes: DA in MAML++."
    values[4] = [value - 0.05 for value in values[3]]
    first, _ = verdict_sentences(study(values[:3], values[3:]))
    assert first.startswith("CA in MAML++: helps at budget.epochs = 20 and 80 (+5.00 and +5.00 points); whether it")


def test_changes_that_are_undecided_are_said_together() -> None:
    values = (5, 20, 80)
    names = ("M", "M without A")
    of = {f"{name} (epochs = {v})": (name, place) for place, v in enumerate(values) for name in names}
    base = numbers(0.6, 0.004, 1)
    arms = {arm: [v - 0.05 * (name != "M") for v in base] for arm, (name, _) in of.items()}
    family = Family("f", tuple((f"M without A (epochs = {v})", f"M (epochs = {v})") for v in values))
    info = replace(INFO, families=(family,), across=Across("budget.epochs", values, of))
    (sentence,) = verdict_sentences(summarise_ablation(rows(arms), info))
    assert sentence == (
        "A in M: helps at budget.epochs = 5, 20 and 80 (+5.00, +5.00 and +5.00 points); whether it changes from 5 to 20"
        " and 80 is undecided."
    )


@pytest.mark.slow
def test_a_report_shows_changes_in_every_format_and_is_made_again_from_its_files(tmp_path: Path) -> None:
    values = [numbers(0.6, 0.004, seed) for seed in range(6)]
    records = rows(dict(zip(ACROSS.arms, values, strict=True)))
    page = build_report(records, INFO, tmp_path)
    info, again = from_files(tmp_path)
    assert info.across == ACROSS
    assert verify_documents(tmp_path) == []
    title = "Do effects change with budget.epochs"
    assert title in page.read_text()
    assert f"### {title}" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "tables" / "do-effects-change-with-budget-epochs.tex").is_file()
    assert title in {table["title"] for table in json.loads((tmp_path / "tables.json").read_text())["tables"]}
    assert {"across", "arm-costs"} & {figure.name for figure in compose(again, info).figures} == {"across"}
    assert StudyInfo.from_tree(json.loads(json.dumps(asdict(INFO)))).across == ACROSS


def test_objects_and_frames_have_the_changes() -> None:
    values = [numbers(0.6, 0.004, seed) for seed in range(6)]
    records = rows(dict(zip(ACROSS.arms, values, strict=True)))
    found = summarise_ablation(records, INFO)
    told = ablation_object(found)["changes"]
    frame = changes_frame(found)
    assert [one["change"] for one in told] == frame["change"].tolist()
    assert (told[0]["setting"], told[0]["from"], told[0]["to"], told[0]["changes"]) == ("budget.epochs", 20, 80, False)
    assert frame["changes"].tolist() == [False, False]
    assert "changes" not in ablation_object(replace(found, across=None, changes=()))


def test_other_test_tasks_at_both_values_are_said() -> None:
    across = replace(ACROSS, path="episodes.shots", values=(1, 5))
    arms = dict(zip(across.arms, [numbers(0.6, 0.01, seed) for seed in range(6)], strict=True))
    runs = [
        replace(run, params={"episodes.shots": str(across.values[across.arms[run.arm or ""][1]])}) for run in rows(arms)
    ]
    found = summarise_ablation(runs, replace(INFO, across=across))
    assert found.changes[0].unequal == "episodes.shots 5 and 1"


def test_the_analysis_of_a_factorial_is_made_at_each_value() -> None:
    arms = {"none": (), "a": ("a",), "b": ("b",), "a, b": ("a", "b")}
    across = Across(
        "inner.steps", (1, 5), {f"{arm} ({n})": (arm, place) for place, n in enumerate((1, 5)) for arm in arms}
    )
    # At 1: a brings 0.1, b 0.2, both 0.4; at 5: 0.1 and 0.2, both 0.3. Seeds add 0.001 each.
    at = {0: (0.3, 0.4, 0.5, 0.7), 1: (0.3, 0.4, 0.5, 0.6)}
    runs = rows(
        {
            f"{arm} ({n})": [at[place][i] + 0.001 * s for s in range(3)]
            for place, n in enumerate((1, 5))
            for i, arm in enumerate(arms)
        }
    )
    family = Family("f", tuple((f"{arm} ({n})", f"none ({n})") for n in (1, 5) for arm in ("a", "b", "a, b")))
    info = StudyInfo("s", "ablation", families=(family,), across=across, factorial=Factorial(("a", "b"), arms))
    report = compose(runs, info)
    tables = {table.title: [[cell.text for cell in row[:2]] for row in table.rows] for table in report.tables}
    assert tables["Main effects and interactions (inner.steps = 1)"][-1] == ["a × b", "+5.00"]
    assert tables["Main effects and interactions (inner.steps = 5)"][-1] == ["a × b", "0.00"]
    assert tables["Split of the whole gain (inner.steps = 5)"][-1] == ["All together", "+30.00"]
    drawn = {f"{name}-inner-steps-{n}" for name in ("effects", "shapley") for n in (1, 5)}
    assert drawn <= {figure.name for figure in report.figures}
    first = next(table for table in report.tables if table.title.startswith("Main effects"))
    assert {run for row in first.rows for run in row[0].runs} == {r.run_id for r in runs if "(1)" in (r.arm or "")}
    lacking = replace(across, arms={arm: own for arm, own in across.arms.items() if arm != "b (5)"})
    fewer = replace(family, comparisons=tuple(pair for pair in family.comparisons if "b (5)" not in pair))
    found = summarise_ablation(runs, replace(info, across=lacking, families=(fewer,)))
    assert [one.factorial is None for one in found.designs] == [False, True]


def test_a_sweep_has_a_line_and_a_table_at_each_value() -> None:
    across = Across(
        "budget.epochs",
        (20, 80),
        {f"{n} steps ({e})": (f"{n} steps", p) for p, e in enumerate((20, 80)) for n in (1, 3)},
    )
    runs = rows({arm: [0.5 + 0.1 * place + 0.01 * s for s in range(3)] for arm, (_, place) in across.arms.items()})
    family = Family("f", tuple((f"3 steps ({e})", f"1 steps ({e})") for e in (20, 80)))
    sweep = Sweep("inner.steps", {"1 steps": 1, "3 steps": 3})
    report = compose(runs, StudyInfo("s", "ablation", families=(family,), across=across, sweep=sweep))
    tables = {table.title: [[cell.text for cell in row[:3]] for row in table.rows] for table in report.tables}
    assert tables["Sweep of inner.steps (budget.epochs = 20)"] == [["1", "3", "51.00"], ["3", "3", "51.00"]]
    assert tables["Sweep of inner.steps (budget.epochs = 80)"] == [["1", "3", "61.00"], ["3", "3", "61.00"]]
    (figure,) = (figure for figure in report.figures if figure.name == "sweep")
    assert "budget.epochs = 80" in figure.svg


def test_epochs_to_an_accuracy_are_compared_at_each_value() -> None:
    values = dict(zip(ACROSS.arms, [numbers(0.6, 0.01, seed) for seed in range(6)], strict=True))
    titles = [table.title for table in compose(rows(values), INFO).tables if table.title.startswith("Epochs to")]
    assert [title.partition(": ")[2] for title in titles] == [
        "leave one out (budget.epochs = 20)", "leave one out (budget.epochs = 80)",
    ]  # fmt: skip


def test_a_change_within_the_margin_holds_whatever_the_scale_says() -> None:
    found = near_the_ceiling()
    change = found.changes[0]
    within = replace(change, verdict=replace(change.verdict, equivalent=True, margin=6.0))
    assert within.only_in_points
    assert within.finding == "holds (within 6 points)"
    said = verdict_sentences(replace(found, changes=(within, *found.changes[1:])))[0]
    assert "; from 20 to 80 it holds within 6 points (" in said
