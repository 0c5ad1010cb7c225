"""What people type in Python, on real trainings of a second: run, callbacks, stops, what is read and reported
afterwards.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mamlab
from reports.records import ReportError
from study.cli.main import run as command
from study.engine.progress import EndedRun, StudyProgress
from study.python.result import ReportPage

from ..test_architecture import ROOT
from ..toy import toy_data
from .store_rows import fresh_home

TINY: dict[str, Any] = {
    "model": {"filters": 2}, "inner": {"steps": 1}, "episodes": {"tasks": 1}, "budget": {"epochs": 2, "iterations": 1},
    "evaluation": {"val_tasks": 4, "test_tasks": 4, "top_k": 1},
}  # fmt: skip
RATES: dict[str, mamlab.Range | mamlab.Choice] = {
    "outer.lr": mamlab.Range(1e-4, 1e-2, log=True),
    "lslr": mamlab.Choice(["on", "off"]),
}
SPEC = """
[study]
name = "hunt"
[data]
source = "glyphs"
[trainer]
preset = "maml"
size = "omniglot"
model.filters = 2
inner.steps = 1
episodes.tasks = 1
budget = { epochs = 2, iterations = 1 }
evaluation = { val_tasks = 4, test_tasks = 4, top_k = 1 }
[space]
"outer.lr" = { low = 1e-4, high = 1e-2, log = true }
lslr.choices = ["on", "off"]
[pruner]
name = "none"
[budget]
trials = 2
"""


def config() -> mamlab.TrainerConfig:
    return mamlab.preset("maml", **TINY)


def hunt(name: str = "hunt", trials: int = 2) -> mamlab.StudyConfig:
    return mamlab.study_config(
        name, data=mamlab.Glyphs(), trainer=config(), space=RATES, pruner="none", budget={"trials": trials}
    )


@dataclass(frozen=True)
class Hunted:
    """A search that was stopped by a callback's exception, then by Ctrl-C, and ended in another thread, beside a
    loop.
    """

    home: Path
    result: mamlab.Result
    raised: BaseException
    after_raised: mamlab.Result
    interrupted: BaseException
    handler: Any
    called: list[EndedRun]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, glyphs_folder: Path) -> Path:
    place = fresh_home(tmp_path_factory.mktemp("home")).root
    (place / "data").symlink_to(glyphs_folder, target_is_directory=True)
    return place


@pytest.fixture(scope="module")
def hunted(home: Path) -> Hunted:
    called: list[EndedRun] = []

    def fail(progress: StudyProgress, run: EndedRun) -> None:
        called.append(run)
        raise LookupError("mine")

    def interrupt(progress: StudyProgress, run: EndedRun) -> None:
        called.append(run)
        os.kill(os.getpid(), signal.SIGINT)

    async def cell() -> mamlab.Result:
        return await asyncio.to_thread(
            mamlab.search, hunt(), home=home, workers=1, progress=False, callbacks=[lambda _, run: called.append(run)]
        )

    with pytest.raises(LookupError) as raised:
        mamlab.run(hunt(), home=home, workers=1, progress=False, callbacks=fail)
    between = mamlab.open("hunt", home=home)
    with pytest.raises(KeyboardInterrupt) as interrupted:
        mamlab.run(hunt(), home=home, workers=1, progress=False, callbacks=[interrupt])
    handler = signal.getsignal(signal.SIGINT)
    return Hunted(home, asyncio.run(cell()), raised.value, between, interrupted.value, handler, called)


@pytest.fixture(scope="module")
def found(hunted: Hunted) -> mamlab.Result:
    return hunted.result


@pytest.fixture(scope="module")
def compared(home: Path) -> mamlab.Result:
    both = {"MAML": config(), "first order": mamlab.preset("fomaml", **TINY)}
    return mamlab.compare(
        "orders", both, data="glyphs", seeds=2, allow_underpowered=True, workers=1, home=home, progress=False
    )


def test_a_callback_that_raises_and_ctrl_c_stop_a_study_cleanly_and_the_same_call_goes_on(hunted: Hunted) -> None:
    assert str(hunted.raised) == "mine"
    assert hunted.after_raised.states["complete"] == 1
    assert str(hunted.interrupted) == 'study "hunt" was stopped. Progress is saved. Repeat the same call to resume.'
    assert hunted.handler == signal.getsignal(signal.SIGINT) != signal.SIG_DFL
    assert [(run.trial, run.state, run.seed, run.epochs) for run in hunted.called] == [
        (0, "complete", 0, 2), (1, "complete", 0, 2),
    ]  # fmt: skip
    assert [run.val_accuracy for run in hunted.called] == hunted.result.runs["val_accuracy"].tolist()
    with pytest.raises(mamlab.MamlabError, match="callbacks: each must be a function of"):
        mamlab.run(hunt(), home=hunted.home, progress=False, callbacks=[3])  # type: ignore[list-item]


def test_a_search_gives_its_runs_trials_epochs_and_best_config_as_numbers(found: mamlab.Result) -> None:
    assert (found.name, found.kind, found.states) == ("hunt", "search", {"complete": 2})
    assert len(found.runs) == len(found.trials) == 2
    assert len(found.epochs) == 4
    assert found.trials["trial"].tolist() == [0, 1]
    best = found.trials.set_index("rank").loc[1]
    assert best["held_out_accuracy"] == found.trials["held_out_accuracy"].max()
    assert found.runs["val_accuracy"].max() == found.optuna_study.best_value
    assert (
        found.best_config.outer.lr
        == best["params_outer.lr"]
        == found.config(found.trials.loc[found.trials["rank"] == 1, "trial"].item()).outer.lr
    )
    assert pd.api.types.is_float_dtype(found.runs["params_outer.lr"])
    assert set(found.trials["params_lslr"]) <= {"on", "off"}
    assert found.epochs.groupby("trial")["val_accuracy"].max().tolist() == found.runs["val_accuracy"].tolist()
    assert found.comparisons.empty
    assert "difference" in found.comparisons.columns
    assert repr(found).startswith("<mamlab.Result hunt: search, 2 runs (2 complete); best trial ")
    assert "<table" in found._repr_html_()


def test_a_comparison_is_paired_by_seed_and_its_frame_is_its_runs_own_difference(compared: mamlab.Result) -> None:
    wide = compared.runs.pivot_table(index="seed", columns="arm", values="test_accuracy")
    row = compared.comparisons.iloc[0]
    assert (row["arm"], row["base"], row["family"], row["n"]) == ("first order", "MAML", "against MAML", 2)
    assert row["difference"] == pytest.approx((wide["first order"] - wide["MAML"]).mean(), abs=1e-12)
    both_alike = wide.diff(axis="columns").iloc[:, -1].nunique() == 1  # no variation: no interval
    assert pd.isna(row["difference_low"]) == both_alike
    assert both_alike or row["difference_low"] <= row["difference"] <= row["difference_high"]
    assert compared.arms.set_index("arm")["mean"].to_dict() == pytest.approx(wide.mean().to_dict())
    assert compared.config("first order").da != "off"
    assert compared.trials.empty
    with pytest.raises(ValueError, match=r'"orders" is an ablation, which has no best config: see result\.comparisons'):
        _ = compared.best_config
    with pytest.raises(
        ValueError, match=r"no trial, arm or run 'MAML\+\+' in .orders.; choose from arms 'MAML', 'first order'"
    ):
        compared.config("MAML++")


def test_a_study_is_opened_by_name_and_from_its_reports_folder(found: mamlab.Result, home: Path) -> None:
    page = found.report()
    assert isinstance(page, Path)
    assert page == home / "reports" / "hunt" / "index.html"
    assert "<iframe srcdoc=" in page._repr_html_()
    for opened in (mamlab.open("hunt", home=home), mamlab.open(page.parent), mamlab.open(str(page.parent))):
        pd.testing.assert_frame_equal(opened.trials, found.trials)
        pd.testing.assert_frame_equal(opened.runs, found.runs)
        pd.testing.assert_frame_equal(opened.epochs, found.epochs)
        assert opened.best_config == found.best_config
        assert isinstance(opened.report(), ReportPage)
    with pytest.raises(ValueError, match="is a report's folder, without Optuna's database; open the study in its home"):
        _ = mamlab.open(page.parent).optuna_study
    whiches: list[Any] = [None, True, 1.0]
    for which in whiches:
        with pytest.raises(
            ValueError, match=r"^which: must be the number of a trial, the name of an arm or a run_id, not"
        ):
            found.config(which)
    with pytest.raises(ValueError, match=r"^out: must be a folder, as a text or a Path, not 5"):
        found.report(out=number)
    with pytest.raises(ValueError, match=r"^paper: must be the name of a published table, .*, not 5"):
        found.report(paper=number)
    with pytest.raises(ReportError, match="its studies are: hunt"):
        mamlab.open("hunter", home=home)
    with pytest.raises(ReportError, match="is not a report's folder"):
        mamlab.open(home / "nowhere")


def test_a_study_described_in_python_is_the_one_that_a_file_describes(
    found: mamlab.Result, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hunt.toml").write_text(SPEC)
    written = mamlab.load_spec(str(tmp_path / "hunt.toml"))
    assert hunt().frozen_part() == written.frozen_part()
    again = mamlab.run(tmp_path / "hunt.toml", home=home, workers=1, progress=False)
    assert again.runs["run_id"].tolist() == found.runs["run_id"].tolist()
    assert command(["report", "hunt", "--home", str(home)]) == 0
    assert command(["status", "hunt", "--home", str(home)]) == 0
    assert "2 complete" in capsys.readouterr().out
    with pytest.raises(ValueError, match='study "hunt" was started with a different spec'):
        mamlab.run(mamlab.study_config("hunt", data="glyphs", trainer=config()), home=home, progress=False)


def test_only_progress_is_printed_and_nothing_without_it(
    found: mamlab.Result, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mamlab.run(hunt(), home=home, progress=False)
    assert capfd.readouterr() == ("", "")
    mamlab.run(hunt(), home=home)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("hunt: ")


ABLATION = {"design": "arms", "arms": [{"name": "a"}, {"name": "b", "set": {"outer.lr": 0.1}}], "seeds": 2}
number: Any = 5
part: Any = 1.5
nothing: Any = None
names: Any = ["a"]
BAD: dict[str, tuple[Any, str]] = {
    "no file": (lambda: mamlab.run("nowhere.toml"), "nowhere.toml: no such file"),
    "no study": (lambda: mamlab.run(number), "study: must be a spec file's path, or a StudyConfig .*, not 5"),
    "no workers": (lambda: mamlab.run(hunt(), workers=0), 'workers: must be at least 1 or "auto", not 0'),
    "part of a worker": (lambda: mamlab.run(hunt(), workers=part), 'workers: must be a whole number or "auto", not '
                                                                   '1.5'),
    "no trials": (lambda: mamlab.run(hunt(), trials=0), "trials: must be at least 1, not 0"),
    "a search ablated": (lambda: mamlab.ablate(hunt()), r'study "hunt" is a search; run it with mamlab\.search'),
    "trials of an ablation": (
        lambda: mamlab.run(mamlab.study_config("a", data="glyphs", trainer=config(), ablation=ABLATION), trials=2),
        "trials = 2: only a search has trials, but this is an ablation; leave it out",
    ),
    "two seeds": (
        lambda: mamlab.run(mamlab.study_config("a", data="glyphs", trainer=config(), ablation=ABLATION)),
        "has only 0 % power to detect a large effect",
    ),
    "one config": (lambda: mamlab.compare("c", {"a": config()}, data="glyphs"), "configs: must be a dict of at least "
                                                                                "two"),
    "no base": (
        lambda: mamlab.compare("c", {"a": config(), "b": config()}, data="glyphs", base="d"),
        'base = "d": no such config; choose one of: a, b',
    ),
    "other store": (
        lambda: mamlab.run(hunt(), optuna_url="sqlite:///x.db"), "optuna_url must be postgresql://USER@HOST/DATABASE"
    ),
    "home is a file": (lambda: mamlab.run(hunt(), home=__file__), "home: .* is a file, not a folder"),
    "preset": (lambda: mamlab.preset("mampp"), "unknown preset; did you mean mamlpp"),
    "setting": (lambda: mamlab.preset("maml", innr={"steps": 3}), "innr: unknown key; did you mean inner"),
    "no effect": (lambda: mamlab.preset("maml", norm={"momentum": 0.5}), "norm.momentum has no effect"),
    "data": (lambda: mamlab.load_data("glyfs"), "unknown value; did you mean glyphs"),
    "a key of data": (lambda: mamlab.load_data({"source": "glyphs", "x": 1}), r"^data.x: unknown key .known: source"),
    "a home of data": (lambda: mamlab.load_data("glyphs", home=number), "^home: must be a folder, .*, not 5"),
    "a path of a spec": (lambda: mamlab.load_spec(number), "path: must be a spec file's path, .*, not 5"),
    "a spec": (lambda: mamlab.load_spec("nowhere.toml"), "nowhere.toml: no such file"),
    "a callback": (lambda: mamlab.run(hunt(), callbacks=number), "callbacks: each must be a function .*, not 5"),
    "a name in a space": (
        lambda: mamlab.study_config("a", data="glyphs", space={number: {}}), "space: the names .* must be texts, not 5"
    ),
    "a name in a trainer": (
        lambda: mamlab.study_config("a", data="glyphs", trainer={number: 1}), "trainer: the names .* must be texts, not"
    ),
    "a long path": (lambda: mamlab.load_spec("x" * 300), "at most 255 bytes, and the whole path 4095; shorten it"),
    "a long name": (lambda: mamlab.open("x" * 300), "at most 255 bytes, and the whole path 4095; shorten it"),
    "opened nothing": (lambda: mamlab.open(nothing), "^study: must be the name of a study, .*, not None"),
    "a store": (lambda: mamlab.open("a", optuna_url=number), "^optuna_url: must be a URL, .*, not 5; leave it out"),
    "a base": (
        lambda: mamlab.compare("c", {"a": config(), "b": config()}, data="glyphs", base=names),
        r"base = \['a'\]: no such config; choose one of: a, b",
    ),
    "a name of a config": (
        lambda: mamlab.compare("c", {number: config(), "b": config()}, data="glyphs"),
        "configs: the names of configs must be texts, not 5",
    ),
    "off and on": (
        lambda: mamlab.preset("maml", lslr="off", **{"lslr.granularity": "per_parameter"}),
        '^lslr: set to "off", but lslr.granularity is set too; leave one out',
    ),
    "a margin": (lambda: mamlab.compare("a.csv", metric="acc", margin=names), r"^margin: must be a number, .*, not "),
    "an experiment": (lambda: mamlab.compare("a", metric="acc", mlflow=number), "^mlflow: must be the URI of an "),
    "steps twice": (
        lambda: mamlab.preset("maml", inner={"steps": 2}, **{"inner.steps": number}),
        '^inner.steps: set twice, as inner.steps and as "inner.steps"; leave one out',
    ),
    "a setting's name": (lambda: mamlab.preset("maml", model={number: 4}), "^model: the names .* must be texts, not 5"),
    "a seed of a search": (
        lambda: mamlab.study_config("a", data="glyphs", space="rates", budget={"trials": 1}, seed=2**32),
        r"study.seed: must be at most 4294967295 \(2\*\*32 - 1\) for a search's sampler, not 4294967296$",
    ),
    "a training's config": (lambda: mamlab.train(names, 0, nothing), r"^config: must be a TrainerConfig, .*, not \['a"),
    "a training's data": (lambda: mamlab.train(config(), 0, names), r"^data: must be loaded, .*, not \['a'\]"),
    "a training's checkpoint": (
        lambda: mamlab.train(config(), 0, toy_data(), checkpoint=number), "^checkpoint: must be a folder, .*, not 5",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_run_is_an_exception_that_says_what_to_do(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, message = BAD[case]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(mamlab.MamlabError, match=message):
        call()
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("seed", "rule"),
    [
        ("0", 'a whole number, not "0"'), (None, "a whole number, not None"), (1.5, "a whole number, not 1.5"),
        (1.0, "a whole number, not 1.0"), (True, "a whole number, not true"), (-1, "at least 0, not -1"),
        (2**70, f"at most 2**62, not {2**70}"),
    ],
)  # fmt: skip
def test_a_training_takes_the_seeds_that_a_study_takes(seed: Any, rule: str) -> None:
    with pytest.raises(mamlab.MamlabError) as caught:
        mamlab.train(config(), seed, toy_data())
    assert str(caught.value) == f"seed: must be {rule}"
    if seed is not None:  # which a study leaves out
        with pytest.raises(mamlab.SpecError) as refused:
            mamlab.study_config("a", data="glyphs", seed=seed)
        assert refused.value.problems == [f"study.seed: must be {rule}"]


def test_a_training_resumes_from_a_folder_of_its_own(tmp_path: Path) -> None:
    whole: Any = np.int64(1)
    small = mamlab.preset(
        "maml", **{**TINY, "model": {"filters": whole, "blocks": 2}, "episodes": {"ways": 3, "tasks": 1}}
    )
    epochs = mamlab.train(small, whole, toy_data(), checkpoint=str(tmp_path), test=False)
    first = next(epochs)
    assert next(mamlab.train(small, 1, toy_data(), checkpoint=tmp_path, test=False)) == first
    assert next(mamlab.train(small, 2, toy_data(), checkpoint=tmp_path, test=False)) != first
    assert len([*tmp_path.iterdir()]) == 2


def test_a_study_is_the_same_after_pickle() -> None:
    made = hunt()
    assert pickle.loads(pickle.dumps(made)) == made


def test_objects_are_written_as_a_spec_file_says_them(tmp_path: Path) -> None:
    data = mamlab.ImageFolder(path=tmp_path, size=28)
    made = mamlab.study_config("a", data=data, trainer={"preset": "fomaml", "inner.steps": np.int64(3)}, seed=7)
    assert (made.data, made.base.inner.steps, made.seeds, made.kind) == (data, 3, (7,), "train")
    assert f'path = "{tmp_path}"' in made.spec_text
    for name in ("maml", "fomaml", "meta_sgd", "mamlpp", "mamlpp_released"):
        one = mamlab.preset(name, "mini_imagenet", budget={"epochs": 40}, device="cpu")
        assert mamlab.study_config("a", data="glyphs", trainer=one).base == one
    space = mamlab.SearchSpace(RATES, fixed={"inner.steps": 1})
    searched = mamlab.study_config("a", data="glyphs", trainer=config(), space=space, budget={"trials": 1})
    assert searched.space is not None
    assert {*searched.space.dimensions} == {*RATES}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"data": 5}, "data: must be a table of settings, not 5"),
        ({"trainer": 5, "space": "rates"}, "trainer: must be a TrainerConfig, a preset's name or a table, not 5"),
        ({"trainer": "mampp"}, 'trainer.preset = "mampp": unknown preset; did you mean mamlpp'),
        ({"space": "rate"}, 'space.preset = "rate": unknown space; did you mean rates'),
        ({"space": 5}, "space: must be a SearchSpace, a predefined space's name or a table, not 5"),
        ({"space": {"inner.lrr": mamlab.Range(0.1, 0.2)}}, "inner.lrr: no such setting of the trainer; did you mean "
                                                           "inner.lr"),
        ({"sampler": object()}, "sampler: must be a number, a text, true or false, a list or a table, not <object"),
        ({"ablation": "leave_one"}, 'ablation.design: .*did you mean "leave_one_out"'),
        ({"sed": 3}, "sed: unknown keyword; did you mean seed"),
        ({"budget": {1: 2}}, "budget: the names in a table must be texts, not 1"),
    ],
)  # fmt: skip
def test_a_study_that_python_describes_wrongly_is_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(mamlab.SpecError, match=message):
        mamlab.study_config("a", **{"data": "glyphs", **given})


SCRIPT = """
print("top")
import mamlab
tiny = {tiny}
both = {{"MAML": mamlab.preset("maml", **tiny), "first order": mamlab.preset("fomaml", **tiny)}}
print(mamlab.compare("orders", both, data="glyphs", seeds=2, allow_underpowered=True, workers=1, home={home!r}))
"""
"""Without `if __name__ == "__main__"`, as people write them."""


@pytest.mark.slow
def test_a_script_is_run_once_and_shows_its_progress(home: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.format(tiny=TINY, home=str(home)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    top, last = done.stdout.splitlines()
    assert (top, last) == ("top", "<mamlab.Result orders: ablation, 4 runs (4 complete); 2 arms, 1 comparison>")
    assert done.stderr.splitlines()[-1].startswith("orders: 4 of 4 runs | 4 complete")
