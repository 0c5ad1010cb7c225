"""A spec file becomes a StudyConfig, or a list of everything that is wrong with it."""

import json
from pathlib import Path

import optuna
import pytest

from search_spaces import FixedParams
from study.spec.config import SpecError
from study.spec.optuna_parts import PRUNERS, SAMPLERS, make_pruner, make_sampler
from study.spec.parsing import load_spec, parse_spec
from study.spec.sections import Named
from trainers.fingerprint import fingerprint_of

from .bad_inputs import BAD_SPECS, HEAD, SEARCH

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("title", BAD_SPECS)
def test_a_bad_spec_gets_its_message(title: str) -> None:
    text, problems = BAD_SPECS[title]
    with pytest.raises(SpecError) as caught:
        parse_spec(text)
    assert tuple(caught.value.problems) == problems


@pytest.mark.parametrize("title", BAD_SPECS)
def test_no_message_shows_the_insides(title: str) -> None:
    for inside in ("literal[", "Input should", "pydantic", "ValidationError", "NoneType", "<class"):
        assert inside not in "\n".join(BAD_SPECS[title][1])


def test_all_problems_of_a_file_are_listed_at_once() -> None:
    text = HEAD.replace('"a"', '"../a"') + '[trainer]\npreset = "mampp"\n[space."inner.lr"]\nlow = 1\nhigh = 0\n'
    with pytest.raises(SpecError) as caught:
        parse_spec(text)
    assert [line.split(":")[0] for line in caught.value.problems] == [
        "study.name",
        'trainer.preset = "mampp"',
        "space.inner.lr",
    ]


def test_a_missing_file_names_its_path_and_a_similar_one(tmp_path: Path) -> None:
    (tmp_path / "search.toml").touch()
    with pytest.raises(SpecError, match=r"serach\.toml: no such file; did you mean .*search\.toml\?"):
        load_spec(tmp_path / "serach.toml")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b'[study]\nname = "\xe4"\n')
    with pytest.raises(SpecError, match="save it as UTF-8"):
        load_spec(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("name", "kind", "arms"),
    [
        ("glyphs_train", "train", 0),
        ("image_folder_search", "search", 0),
        ("omniglot_ablation", "ablation", 12),
        ("glyphs_factorial", "ablation", 8),
        ("glyphs_sweep", "ablation", 5),
        ("paper/ablation", "ablation", 12),
        ("paper/across_length", "ablation", 12),
        ("paper/stability", "ablation", 2),
        ("paper/inner_steps", "ablation", 5),
        ("paper/released", "ablation", 10),
        ("paper/twenty_way", "ablation", 3),
        ("paper/search", "search", 0),
    ],
)
def test_examples_are_valid(name: str, kind: str, arms: int) -> None:
    config = load_spec(EXAMPLES / f"{name}.toml")
    assert (config.kind, len(config.arms)) == (kind, arms)


def test_the_papers_studies_share_their_cells() -> None:
    ablation, stability, steps, released = (
        load_spec(EXAMPLES / "paper" / f"{name}.toml").arms
        for name in ("ablation", "stability", "inner_steps", "released")
    )
    for arms, pairs in [
        (stability, [("MAML", "MAML"), ("MAML++", "MAML++")]),
        (steps, [("inner.steps = 3", "MAML++")]),
        (released, [("MAML++", "MAML++"), ("MAML++ without DA", "MAML++ without DA"), ("MAML + CA", "MAML + CA")]),
    ]:
        for name, there in pairs:
            assert fingerprint_of(arms[name][0], 0, "") == fingerprint_of(ablation[there][0], 0, "")


def test_the_omniglot_search_says_what_it_promises() -> None:
    config = load_spec(EXAMPLES / "omniglot_search.toml")
    assert config.base.model.filters == 16
    assert (config.base.budget.epochs, config.base.budget.iterations, config.base.evaluation.val_tasks) == (20, 60, 200)
    assert config.budget.trials == 30
    assert config.seeds == (0,)
    assert not config.tests
    assert config.enqueued["maml"]["msl"] == "off"
    assert config.enqueued["mamlpp"]["inner.steps"] == 3
    assert config.pruner == Named(name="median", options={"n_warmup_steps": 5})


def test_an_enqueued_preset_becomes_the_preset_where_it_is_searched() -> None:
    config = load_spec(EXAMPLES / "omniglot_search.toml")
    assert config.space is not None
    tried, _ = config.space.suggest(FixedParams(config.enqueued["maml"]), config.base_tree)
    assert (tried.msl, tried.da, tried.lslr, tried.ca, tried.bnwb) == ("off",) * 5
    assert config.notes == ('enqueued preset "maml" keeps these settings of the base: outer.beta2',)


def test_seeds_count_from_the_first() -> None:
    text = HEAD.replace('"a"', '"a"\nseed = 7') + '[ablation]\ndesign = "leave_one_out"\nseeds = 3\n'
    assert parse_spec(text).seeds == (7, 8, 9)


def test_budget_execution_arms_and_seeds_may_change_and_the_rest_is_frozen() -> None:
    text = HEAD + '[ablation]\ndesign = "leave_one_out"\n'
    more = text.replace("leave_one_out", "both") + "seeds = 5\n[budget]\nhours = 2.0\n[execution]\nworkers = 3\n"
    other = text + "[trainer.inner]\nlr = 0.2\n"
    frozen = parse_spec(text).frozen_part()
    assert parse_spec(more).frozen_part() == frozen
    assert parse_spec(other).frozen_part() != frozen
    assert json.loads(json.dumps(frozen)) == frozen


def test_a_change_of_the_space_changes_the_frozen_part() -> None:
    text = SEARCH + '[space."inner.lr"]\nlow = 0.1\nhigh = 0.5\n'
    assert parse_spec(text).frozen_part() != parse_spec(text.replace("0.5", "0.6")).frozen_part()


def test_fixed_settings_reach_every_config() -> None:
    config = parse_spec(SEARCH + '[space]\npreset = "mamlpp"\nfix = {"inner.steps" = 2, "msl" = "off"}\n')
    assert config.space is not None
    assert (config.base.inner.steps, config.base.msl) == (2, "off")
    assert not {"inner.steps", "msl", "msl.epochs", "msl.schedule"} & config.space.dimensions.keys()


def test_the_size_follows_the_data() -> None:
    folder = HEAD.replace('"glyphs"', '"image_folder"\npath = "/images"')
    assert parse_spec(HEAD).base.model.filters == 64
    assert parse_spec(folder).base.model.filters == 48
    assert parse_spec(folder + '[trainer]\nsize = "omniglot"\n').base.model.filters == 64


@pytest.mark.parametrize(
    ("trials", "seeds", "pruner"), [(10, 1, "successive_halving"), (500, 1, "successive_halving"), (10, 2, "none")]
)
def test_the_default_pruner_does_not_depend_on_the_budget(trials: int, seeds: int, pruner: str) -> None:
    head = HEAD.replace("[study]", f"[study]\nseeds_per_trial = {seeds}")
    config = parse_spec(f'{head}[budget]\ntrials = {trials}\n[space]\npreset = "rates"\n')
    assert config.pruner == Named(name=pruner)


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_every_sampler_can_be_made(name: str) -> None:
    assert type(make_sampler(Named(name=name), seed=1)).__name__ == SAMPLERS[name]


@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_can_be_made(name: str) -> None:
    options = {"lower": 0.2} if name == "threshold" else {}
    assert type(make_pruner(Named(name=name, options=options), epochs=20)).__name__ == PRUNERS[name]


def test_a_pruner_spares_as_many_epochs_as_it_says() -> None:
    from optuna.study import create_study

    pruner = make_pruner(Named(name="median", options={"n_warmup_steps": 2, "n_startup_trials": 1}), epochs=8)
    optuna_study = create_study(direction="maximize", pruner=pruner)
    verdicts = []
    for value in (0.9, 0.1):
        trial = optuna_study.ask()
        for epoch in (1, 2, 3):
            trial.report(value, epoch)
            verdicts.append(trial.should_prune())
        optuna_study.tell(trial, value)
    assert verdicts == [False] * 5 + [True]


def test_a_typed_setting_that_only_some_samples_use_is_kept() -> None:
    space = '[space."msl.schedule"]\nchoices = ["linear", "ema"]\n[budget]\ntrials = 2\n'
    assert parse_spec(f"{HEAD}[trainer]\nmsl.tau = 0.3\n{space}").base_tree["msl"]["tau"] == 0.3
    with pytest.raises(SpecError, match=r"trainer.norm.momentum has no effect: norm.queries"):
        parse_spec(f"{HEAD}[trainer]\nnorm.momentum = 0.3\n{space}")


def test_an_option_overrules_the_default() -> None:
    blind = draws(optuna.samplers.RandomSampler(seed=1))
    for options, startup in (({}, 8), ({"n_startup_trials": 3, "multivariate": False}, 3)):
        found = draws(make_sampler(Named(name="tpe", options=options), seed=1))
        assert found[:startup] == blind[:startup]
        assert found[startup] != blind[startup]


def draws(sampler: optuna.samplers.BaseSampler) -> list[float]:
    """Return the values of twelve trials, each of which is worth what it drew."""
    study, found = optuna.create_study(sampler=sampler), list[float]()
    for _ in range(12):
        trial = study.ask()
        found.append(trial.suggest_float("x", 0, 1))
        study.tell(trial, found[-1])
    return found
