"""Plans: what is counted and measured before a study runs, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from scipy.stats import norm

from reports.data.files import write_files
from reports.metric import Metric
from reports.records import ReportError, StudyInfo
from reports.statistics.declared_test import looks_until, seeds_needed
from study.cli.main import run
from study.planning.ended import ended_cells
from study.planning.noise import noise_from_folder
from study.planning.page import parse_hours
from study.planning.pilot import Pilot
from study.planning.plan import make_plan
from study.spec.config import SpecError, StudyConfig
from study.spec.families import declared_tests, refuse_underpowered
from study.spec.parsing import parse_spec
from study.stores.home import Home
from tests.reports_tests.example import against, record
from trainers.checkpoint import CheckpointFolder
from trainers.data import Glyphs, load
from trainers.data.classes import ClassData
from trainers.errors import TooLarge
from trainers.fingerprint import fingerprint_of
from trainers.graphs import WARM
from trainers.training import train

from . import store_rows

HEAD = """
[study]
name = "p"
[data]
source = "glyphs"
[trainer]
preset = "mamlpp"
model = { filters = 4, blocks = 2 }
inner.steps = 2
msl.epochs = 2
episodes = { ways = 3, shots = 1, queries = 2, tasks = 2 }
budget = { epochs = 3, iterations = 2 }
evaluation = { val_tasks = 4, test_tasks = 6, top_k = 2 }
[execution]
workers = 2
"""
BOTH = HEAD + '[ablation]\ndesign = "both"\ncomponents = ["MSL", "LSLR"]\n'


@pytest.fixture(scope="module")
def data(glyphs_folder: Path) -> ClassData:
    return load(Glyphs(), glyphs_folder)


def ablation(seeds: int, more: str = "") -> StudyConfig:
    return parse_spec(BOTH + f"seeds = {seeds}\n{more}")


def test_a_plan_counts_the_cells_that_are_trained_already(data: ClassData, tmp_path: Path) -> None:
    config, home = ablation(7), Home(tmp_path)
    one, _ = config.arms["MAML + MSL"]
    list(train(one, 3, data, checkpoint=CheckpointFolder(home.checkpoints / fingerprint_of(one, 3, data.checksum))))
    plan = make_plan(config, home, data, workers=2, noise=None)
    assert (plan.arms, plan.seeds, plan.cells, plan.trained) == (6, 7, 42, 1)
    assert plan.wall == pytest.approx(plan.a_run * 41 / 2, rel=0.2)
    assert [(f.name, f.size, f.smallest_p, f.seeds_needed) for f in plan.families] == [
        ("leave one out", 2, 2 / 128, 7), ("add one in", 2, 2 / 128, 7), ("whole method", 1, 2 / 128, 6),
    ]  # fmt: skip
    assert [f.power for f in plan.families] == [pytest.approx(p, abs=0.03) for p in (0.94, 0.94, 0.98)]


def test_what_a_study_has_ended_is_not_planned_again_also_without_its_checkpoints(
    data: ClassData, tmp_path: Path
) -> None:
    small = "model = {{ filters = 4, blocks = 2 }}\nevaluation = {{ val_tasks = 4, top_k = 1 }}\nbudget"
    config = parse_spec(store_rows.SEARCH.replace("budget", small, 1).format(trials=4, workers=2))
    home = store_rows.fresh_home(tmp_path)
    assert ended_cells(home, "hunt") == () == ended_cells(Home(tmp_path / "none"), "hunt")
    store_rows.run(config, home)
    shutil.rmtree(home.checkpoints)
    states = [one.data.tags["mamlab.state"] for one in store_rows.mlflow_runs(home, "hunt")]
    assert set(states) <= {"complete", "pruned"}
    assert make_plan(config, home, data, 1, None).trained == len(states) == 4


def test_disk_is_what_finished_runs_leave(data: ClassData, tmp_path: Path) -> None:
    config, _ = ablation(7).arms["MAML++"]
    folder = CheckpointFolder(tmp_path / "c")
    list(train(config, 0, data, checkpoint=folder))
    kept = sum(file.stat().st_size for file in (tmp_path / "c").glob("*.ckpt"))
    pilot = Pilot(data)
    assert pilot.kept_bytes(config, "best") == pytest.approx(kept, rel=0.35)
    assert pilot.kept_bytes(config, "none") == 0
    assert pilot.kept_bytes(config, "all") > 2 * pilot.kept_bytes(config, "best")


def test_on_a_gpu_replayed_iterations_are_timed_and_cost_the_same_each(data: ClassData) -> None:
    config, _ = ablation(7).arms["MAML++"]
    one, ten = Pilot(data), Pilot(data, gpu=True)
    assert ten.iterations > WARM  # the epoch that is not counted has all that run before a graph is recorded
    assert one.timed == "3 iterations and 48 validation tasks"
    assert ten.timed == "30 iterations and 1,536 validation tasks"
    ten.val_tasks = 32  # so many more than 16, and quickly done
    assert 0.1 < ten.run_seconds(config, test=True) / one.run_seconds(config, test=True) < 3


def test_arms_that_differ_in_rates_alone_are_measured_once(data: ClassData) -> None:
    pilot = Pilot(data)
    arms = {
        name: one
        for name, (one, _) in ablation(7, "[[ablation.arms]]\nname = 'x'\nset = { 'outer.lr' = 0.1 }\n").arms.items()
    }
    first = pilot.run_seconds(arms["MAML++"], test=True)
    classes, spent = pilot.classes, pilot.seconds
    assert pilot.run_seconds(arms["x"], test=True) == first
    assert (pilot.classes, pilot.seconds) == (classes, spent)
    assert pilot.run_seconds(arms["x"], test=False) < first


def test_a_family_that_would_miss_a_large_effect_is_refused_saying_how_many_seeds_find_it() -> None:
    with pytest.raises(SpecError) as caught:
        refuse_underpowered(ablation(5))
    power = (
        "has only 0 % power to detect a large effect (2 standard deviations of a paired difference); 80 % power needs"
    )
    assert caught.value.problems == [
        f'ablation.seeds = 5: the family "leave one out" (2 comparisons in one test) {power} 7 seeds',
        f'ablation.seeds = 5: the family "add one in" (2 comparisons in one test) {power} 7 seeds',
        f'ablation.seeds = 5: the family "whole method" (1 comparison in one test) {power} 6 seeds',
        "use more seeds, declare smaller [[ablation.families]], or write allow_underpowered = true under [ablation]",
    ]
    refuse_underpowered(ablation(6))
    refuse_underpowered(ablation(3, "allow_underpowered = true\n"))


def test_seeds_that_are_proposed_are_those_of_the_declared_looks() -> None:
    assert looks_until((8, 12, 16), 16) == (8, 12, 16)
    assert looks_until((8, 12, 16), 12) == (6, 9, 12)
    assert looks_until((8,), 12) == looks_until((), 12) == ()
    assert seeds_needed(5, looks=(4, 8)) >= seeds_needed(5)


def test_the_declared_test_is_what_is_judged() -> None:
    assert [test.size for test in declared_tests(ablation(6, 'adjust = "study"\n')).values()] == [5, 5, 5]
    assert all(test.moderated for test in declared_tests(ablation(6, 'test = "moderated"\n')).values())


def test_ablate_refuses_before_anything_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "spec.toml"
    spec.write_text(BOTH + "seeds = 2\n")
    assert run(["ablate", str(spec), "--home", str(tmp_path / "home")]) == 2
    assert "power to detect a large effect (2 standard deviations" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_a_budget_proposes_the_first_design_that_fits_with_enough_seeds(data: ClassData, tmp_path: Path) -> None:
    config, home = ablation(7), Home(tmp_path)
    a_run = make_plan(config, home, data, 1, None).a_run
    wide = make_plan(config, home, data, 1, None, budget_hours=a_run * 6 * 100 / 3600).proposals
    assert [(one.design, one.arms, one.seeds, one.works) for one in wide] == [("both", 6, 7, True)]
    none = make_plan(config, home, data, 1, None, budget_hours=a_run * 0.1 / 3600).proposals
    assert [(one.design, one.seeds, one.works) for one in none] == [
        ("both", 0, False), ("leave_one_out", 0, False), ("add_one_in", 0, False),
    ]  # fmt: skip


def test_a_design_without_the_base_is_not_proposed(data: ClassData, tmp_path: Path) -> None:
    spec = ablation(7)
    based = parse_spec(spec.spec_text.replace('design = "both"', 'design="both" # design = "both"\nbase = "MAML"'))
    proposals = make_plan(based, Home(tmp_path), data, 1, None, budget_hours=1e-9).proposals
    assert [one.design for one in proposals] == ["both", "add_one_in"]


def test_the_noise_of_an_earlier_report_is_pooled_over_its_comparisons(tmp_path: Path) -> None:
    values = {"A": [0.5, 0.6, 0.7], "B": [0.5, 0.5, 0.5], "C": [0.5, 0.5, 0.8]}  # variances 0.01 and 0.03
    rows = [
        record(10 * i + s, accuracy=v, arm=arm, seed=s)
        for i, (arm, vs) in enumerate(values.items())
        for s, v in enumerate(vs)
    ]
    write_files(rows, StudyInfo("s", "ablation", families=against(("A", "B"), ("C", "B"))), tmp_path)
    noise = noise_from_folder(tmp_path)
    assert noise is not None
    assert noise.sd**2 == pytest.approx(0.02)
    assert noise.levels == {"B": 0.0}  # the logit of 0.5
    assert noise.against("B") == noise.model


def test_a_report_of_another_metric_says_nothing_of_accuracies_noise(tmp_path: Path) -> None:
    rows = [record(10 * i + s, accuracy=22.0 + s, arm=arm, seed=s) for i, arm in enumerate("AB") for s in range(3)]
    info = StudyInfo("s", "ablation", families=against(("A", "B")), metric=Metric("test_accuracy", unit="ms", scale=1))
    write_files(rows, info, tmp_path)
    with pytest.raises(ReportError, match="not accuracies, so it says nothing of this study's noise"):
        noise_from_folder(tmp_path)


def test_the_plan_of_a_search_counts_trials_and_what_fits(tmp_path: Path, data: ClassData) -> None:
    text = HEAD + '[space]\npreset = "rates"\n[budget]\ntrials = 10\n'
    plan = make_plan(parse_spec(text), Home(tmp_path), data, 2, None, budget_hours=1.0)
    assert (plan.cells, plan.trained, plan.families, plan.proposals) == (10, 0, (), ())
    assert plan.wall == pytest.approx(10 * plan.a_run / 2)
    assert plan.fitting_runs == int(3600 * 2 / plan.a_run)
    assert plan.tried_first == tuple(f"portfolio {number}" for number in (1, 2, 3))


def test_the_plan_as_json_has_every_number(
    glyphs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(glyphs_folder, tmp_path / "home" / "data")
    spec = tmp_path / "spec.toml"
    spec.write_text(BOTH + "seeds = 7\n")
    assert run(["plan", str(spec), "--json", "--sd", "2", "--budget", "1h", "--home", str(tmp_path / "home")]) == 0
    tree = json.loads(capsys.readouterr().out)
    noise = {"sd": 0.02, "source": "--sd", "model": None, "levels": {}}
    assert (tree["cells"], tree["noise"], tree["budget_hours"]) == (42, noise, 1.0)
    first = tree["families"][0]
    assert (first["smallest_p"], first["size"], first["seeds_needed"]) == (2 / 128, 2, 7)
    by_holm = 0.02 * norm.ppf(0.8 ** (1 / 7))  # all 7 signs equal
    assert first["t_detectable"] < first["detectable"] < by_holm
    assert not list((tmp_path / "home").glob("*.db"))


def test_a_model_that_is_too_large_to_measure_is_no_bug(
    glyphs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(glyphs_folder, tmp_path / "home" / "data")
    spec = tmp_path / "spec.toml"
    spec.write_text(BOTH.replace("filters = 4", "filters = 100000000") + "seeds = 7\n")
    assert run(["plan", str(spec), "--home", str(tmp_path / "home")]) == 2
    told = capsys.readouterr().err
    assert "error: model.filters = 100000000: the memory of this machine must hold the weights" in told
    assert "bug" not in told


def test_a_measurement_that_runs_out_of_memory_names_the_settings(data: ClassData) -> None:
    class Full:
        checksum = data.checksum

        def __getattr__(self, name: str) -> object:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory\n(a stack)")

    with pytest.raises(TooLarge, match=r"model\.filters = 4, episodes\.tasks = 2: .*DefaultCPUAllocator.*; use fewer"):
        Pilot(Full()).run_seconds(ablation(7).base, test=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "hours"), [("6h", 6), ("90m", 1.5), ("1h30m", 1.5), ("1d", 24)])
def test_a_budget_is_days_hours_and_minutes(text: str, hours: float) -> None:
    assert parse_hours(text) == hours


@pytest.mark.parametrize("text", ["six", "0h", "", "6", "1.2.3h"])
def test_another_budget_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a time above 0, such as 6h, 90m or 1h30m"):
        parse_hours(text)
