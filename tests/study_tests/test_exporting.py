"""Which run is exported, and what a spec that follows from a search holds; the whole path is in test_own_images.py."""

from __future__ import annotations

import shlex
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from reports.data.files import write_files
from reports.data.loading import from_files
from reports.origin import Origin, SearchedTrial
from reports.records import StudyInfo
from reports.statistics.estimate import estimate
from reports.statistics.summary import summarise_ablation
from reports.statistics.trial import Trial
from reports.tables.promotion import promoted, promotion_lines, promotion_table
from study.followup import FollowError, Searched, Winner, ablate_winner, promote, read_search
from study.models.export import ExportError, RunChoice, _scores, choose, serve_command
from study.spec.parsing import parse_spec
from study.spec.writing import difference, retraining_spec
from study.stores.home import Home
from tests.reports_tests.example import record
from trainers.config import TrainerConfig
from trainers.fingerprint import fingerprint_of
from trainers.overrides import merge, normalise
from trainers.presets import PRESETS, preset

PUBLISHED = Path(__file__).parents[2] / "docs" / "results" / "paper_search"

SPEC = """
[study]
name = "s"
seed = 3
seeds_per_trial = 2
[data]
source = "glyphs"
[trainer]
preset = "mamlpp"
[space]
preset = "mamlpp"
[pruner]
name = "none"
[budget]
trials = 4
[execution]
workers = 1
keep = "none"
"""


def config(**overrides: Any) -> TrainerConfig:
    return normalise(merge(preset("mamlpp"), overrides))[0]


def trial(number: int) -> Trial:
    return Trial(str(number), number, "complete", estimate([0.8, 0.9]), estimate([]), 5, {}, (), score=0.85)


def searched(*configs: TrainerConfig) -> Searched:
    """A search over the seeds 3 and 4 with a trial for each config, the best first."""
    winners = [Winner(trial(n), one) for n, one in enumerate(configs)]
    return Searched("s", parse_spec(SPEC), tuple(winners))


def search_runs() -> list[Any]:
    """Trial 0 is better on average, trial 1 has the best single seed; trial 2 was pruned."""
    scores = {0: (0.8, 0.9), 1: (0.5, 0.95)}
    runs = [
        record(2 * trial + seed, trial=trial, seed=seed, accuracy=score, kind="search")
        for trial, pair in scores.items()
        for seed, score in enumerate(pair)
    ]
    return [*runs, record(9, "pruned", trial=2, kind="search")]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (RunChoice(), (0, 1)),
        (RunChoice(trial=1), (1, 1)),
        (RunChoice(trial=1, seed=0), (1, 0)),
        (RunChoice(seed=0), (0, 0)),
    ],
)
def test_the_best_trial_and_its_best_seed_are_exported_unless_others_are_named(
    wanted: RunChoice, found: tuple[int, int]
) -> None:
    chosen = choose(StudyInfo("s", "search"), search_runs(), wanted)
    assert (chosen.trial, chosen.seed) == found


def test_a_trial_of_which_a_seed_diverged_is_not_the_best() -> None:
    runs = [*search_runs(), record(10, trial=3, seed=0, accuracy=0.99, kind="search")]
    runs.append(record(11, "diverged", trial=3, seed=1, kind="search"))
    assert choose(StudyInfo("s", "search"), runs, RunChoice()).trial == 0
    with pytest.raises(ExportError, match='no trial of "s" is complete in all of its seeds'):
        choose(StudyInfo("s", "search"), runs[-2:], RunChoice())


def test_a_seed_is_chosen_by_validation_and_never_by_test() -> None:
    low, high = ({"best_val_accuracy": v, "test_accuracy": t} for v, t in ((0.6, 0.9), (0.7, 0.1)))
    runs = [record(seed, arm="a", seed=seed, metrics=metrics) for seed, metrics in enumerate((low, high))]
    assert choose(StudyInfo("s", "ablation"), runs, RunChoice(arm="a")).seed == 1


@pytest.mark.parametrize(
    ("kind", "wanted", "message"),
    [
        ("search", RunChoice(trial=2), "--trial 2: no complete trial; there are 0, 1"),
        ("search", RunChoice(arm="x"), '--arm: "s" is a search, which has none; leave it out'),
        ("search", RunChoice(seed=7), "--seed 7: not among the complete runs; there are seeds 0, 1"),
        ("ablation", RunChoice(), 'name one with --arm; the arms of "s" are: a, b'),
        ("ablation", RunChoice(arm="c"), '--arm "c": no complete run; the arms of "s" are: a, b'),
        ("ablation", RunChoice(trial=0), '--trial: "s" is an ablation, which has none'),
        ("train", RunChoice(arm="x"), '--arm: "s" is one training, which has none'),
    ],
)
def test_a_run_that_is_not_there_is_named_with_those_that_are(kind: str, wanted: RunChoice, message: str) -> None:
    runs = search_runs() if kind == "search" else [record(n, arm=arm) for n, arm in enumerate("ab")]
    with pytest.raises(ExportError) as caught:
        choose(StudyInfo("s", kind), runs, wanted)
    assert message in str(caught.value)


def test_a_study_without_a_complete_run_has_no_model() -> None:
    with pytest.raises(ExportError, match="has no complete run yet"):
        choose(StudyInfo("s", "train"), [record(0, "failed")], RunChoice())


@pytest.mark.parametrize("name", list(PRESETS))
@pytest.mark.parametrize("size", ["omniglot", "mini_imagenet"])
@pytest.mark.parametrize("source", ["glyphs", "cifar_fs", "image_folder"])
def test_a_written_trainer_section_is_exactly_that_config(tmp_path: Path, name: str, size: str, source: str) -> None:
    wanted = normalise(preset(name, size))[0]
    data = f'source = "{source}"' + f'\npath = "{tmp_path}"' * (source == "image_folder")
    study = parse_spec(SPEC.replace('source = "glyphs"', data))
    assert study.data.source == source
    text = retraining_spec(Home(tmp_path), study, wanted, 5, "again").read_text(encoding="utf-8")
    found = parse_spec(text)
    assert found.base == wanted
    assert (found.kind, found.seeds) == ("train", (5,))
    assert tomllib.loads(text)["trainer"]["preset"] == "maml"
    assert "omniglot" not in text  # the size of these data, and what differs from it


def test_promoted_arms_train_the_trials_cells_on_seeds_that_the_search_never_had(tmp_path: Path) -> None:
    first, second = config(inner={"steps": 1}, da="off"), config(msl={"schedule": "ema", "tau": 0.3}, lslr="off")
    file, found = promote(searched(first, config(), second), Home(tmp_path), 2, 8, None)
    assert list(found.arms) == ["base (mamlpp)", "trial 0", "trial 2"]  # trial 1 is the base itself
    assert found.seeds == tuple(range(5, 13))
    for arm, wanted in (("base (mamlpp)", config()), ("trial 0", first), ("trial 2", second)):
        assert fingerprint_of(found.arms[arm][0], 5, "") == fingerprint_of(wanted, 5, "")
    (family,) = found.families
    assert family.comparisons == (("trial 0", "base (mamlpp)"), ("trial 2", "base (mamlpp)"))
    assert found.execution.workers == 1
    assert found.execution.keep == "best"  # or there would be no model to export
    assert found.ablation is not None
    assert found.ablation.origin is not None
    assert found.ablation.origin.trials["trial 2"].model_dump(exclude_none=True) == {
        "number": 2,
        "score": 0.85,
        "seeds": 2,
    }
    assert not found.ablation.allow_underpowered
    assert file == tmp_path / "specs" / "s-promoted.toml"


def test_at_equal_work_the_base_trains_longer_until_no_promoted_trial_takes_more_work(tmp_path: Path) -> None:
    costly, cheap = config(da="off", msl={"epochs": 1.0, "schedule": "constant"}), config(inner={"steps": 1})
    search = searched(costly, cheap)
    file, found = promote(search, Home(tmp_path), 2, 8, None, equal_compute=True)
    assert (found.study.name, list(found.arms)) == (
        "s-promoted-equal-compute",
        ["base (mamlpp), longer", "trial 0", "trial 1"],
    )
    more = search.spec.compute(costly) * config().budget.iterations  # about: validation does not grow
    assert found.base.budget.iterations == pytest.approx(more, rel=0.05)
    assert 0.99 < found.compute(costly) <= 1 > found.compute(cheap)
    less = found.base.budget.model_copy(update={"iterations": found.base.budget.iterations - 1})
    assert search.spec.compute(found.base.model_copy(update={"budget": less})) < search.spec.compute(
        costly
    )  # no more than needed
    for arm, wanted in (("trial 0", costly), ("trial 1", cheap)):
        assert fingerprint_of(found.arms[arm][0], 5, "") == fingerprint_of(wanted, 5, "")
    assert (
        f"trains {found.base.budget.iterations} iterations per epoch instead of {config().budget.iterations}"
        in file.read_text()
    )


def test_the_winner_s_ablation_leaves_out_what_is_on_with_enough_seeds(tmp_path: Path) -> None:
    _, found = ablate_winner(searched(config(da="off", ca="off", bnwb="off")), Home(tmp_path), None, None, None)
    assert list(found.arms) == ["trial 0", "trial 0 without MSL", "trial 0 without LSLR"]
    assert (found.arms["trial 0 without MSL"][0].msl, found.arms["trial 0 without LSLR"][0].lslr) == ("off", "off")
    assert len(found.seeds) == 7  # find an effect of 2 standard deviations in 94 % of studies, 6 in 74 %
    assert found.ablation is not None
    assert not found.ablation.allow_underpowered


def test_too_few_seeds_are_allowed_and_said(tmp_path: Path) -> None:
    file, found = ablate_winner(searched(config()), Home(tmp_path), 0, 2, "few")
    assert found.ablation is not None
    assert found.ablation.allow_underpowered
    assert "2 seeds are too few: most studies would miss even a large effect" in file.read_text()


def test_a_spec_that_was_changed_is_not_written_over(tmp_path: Path) -> None:
    search = searched(config(da="off"))
    file, _ = promote(search, Home(tmp_path), 1, 8, None)
    file.write_text(file.read_text() + "\n# mine\n")
    assert promote(search, Home(tmp_path), 1, 8, None)[0] == file  # a comment changes nothing
    assert file.read_text().endswith("# mine\n")
    differs = r"differs from the spec to be written.* mamlab ablate .*, or start another study with: --name"
    with pytest.raises(ValueError, match=differs):
        promote(search, Home(tmp_path), 1, 9, None)
    assert promote(search, Home(tmp_path), 1, 9, "other")[1].study.name == "other"


def test_what_cannot_follow_is_said(tmp_path: Path) -> None:
    with pytest.raises(FollowError, match="is its base config, so there is nothing to compare"):
        promote(searched(config()), Home(tmp_path), 3, 8, None)
    off = dict.fromkeys(("msl", "da", "lslr", "ca", "bnwb", "bnrs"), "off")
    with pytest.raises(
        FollowError,
        match="has no component switched on, so there is nothing to leave out; choose another trial with --trial",
    ):
        ablate_winner(searched(config(**off)), Home(tmp_path), None, None, None)
    with pytest.raises(FollowError, match=r'--trial 5: no complete trial of "s"; there are 0'):
        ablate_winner(searched(config()), Home(tmp_path), 5, None, None)


def test_a_search_is_followed_from_its_report_where_its_home_is_gone(tmp_path: Path) -> None:
    info, runs = from_files(PUBLISHED)
    search = read_search(str(PUBLISHED), Home(tmp_path))
    assert (search.name, search.fresh_seed) == ("paper-search", 1001)
    scores = [winner.trial.value.mean for winner in search.winners]
    assert scores == sorted(scores, reverse=True)
    best = next(run for run in runs if run.trial == search.winners[0].trial.number)
    assert fingerprint_of(search.winners[0].config, 1000, best.tags["data_checksum"]) == best.fingerprint
    assert promote(search, Home(tmp_path), 1, 8, None)[1].study.name == "paper-search-promoted"
    write_files(runs, info, tmp_path / "mailed")
    (tmp_path / "mailed" / "study.json").unlink()
    with pytest.raises(FollowError, match=r"mailed has no study.json, .*; give the complete folder of the report"):
        read_search(str(tmp_path / "mailed"), Home(tmp_path))


def test_an_arm_s_overrides_are_what_differs() -> None:
    assert difference(config(), config(inner={"steps": 3}, da="off")) == {"inner.steps": 3, "da": "off"}
    more = config(inner={"evaluation_steps": 10})
    assert difference(more, config()) == {"inner.evaluation_steps": 5}  # as many as in training, which is the default


def test_the_search_s_score_stands_beside_that_of_fresh_seeds() -> None:
    origin = Origin("s", {"trial 4": SearchedTrial(4, 0.95), "gone": SearchedTrial(5, 0.99)})
    runs = [record(n, arm="trial 4", seed=n, accuracy=accuracy) for n, accuracy in enumerate((0.69, 0.71))]
    found = summarise_ablation(runs, replace(StudyInfo("s", "ablation"), origin=origin))
    (one,) = promoted(found, origin)
    assert (one.trial.score, one.result.n) == (0.95, 2)
    assert one.validation.mean == pytest.approx(0.7)
    table = promotion_table(found, origin)
    assert table is not None
    assert [cell.text for cell in table.rows[0]] == ["trial 4", "95.00", "1", *["70.00 [56.03, 81.04], n = 2"] * 2]
    assert promotion_lines(found, origin) == [
        "trial 4: validation 95.00 % in the search (n = 1, biased upward), 70.00 [56.03, 81.04], n = 2 on other seeds; "
        "test accuracy there 70.00 [56.03, 81.04], n = 2"
    ]


def test_the_accuracy_of_an_exported_model_stays_within_0_and_1() -> None:
    audit = {"running.top1": [0.0, 0.2, 0.6], "batch.top1": [1.0, 0.8, 1.0]}
    state: Any = {"tested": {"audit": audit}}
    scores = _scores(config(), record(0, seed=0), None, state, Console())  # type: ignore[arg-type]
    for found in scores.values():
        assert found.low is not None
        assert found.high is not None
        assert 0 < found.low < found.mean < found.high < 1


def test_the_command_that_serves_a_model_can_be_pasted_into_a_shell() -> None:
    url = "sqlite:////tmp/h sp&ace/mlflow.db"
    said = serve_command(url, "models:/m-1")
    first, *rest = shlex.split(said)
    assert first == f"MLFLOW_TRACKING_URI={url}"
    assert rest == ["mlflow", "models", "serve", "-m", "models:/m-1", "--env-manager", "local", "-p", "5002"]
    assert "MLFLOW_TRACKING_URI=sqlite:////tmp/h/mlflow.db mlflow" in serve_command("sqlite:////tmp/h/mlflow.db", "m")
