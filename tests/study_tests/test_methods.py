"""A method that is not MAML++ runs under the driver as MAML++ does: searched, ablated, resumed, reported, repaired."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reports.statistics.summary import summarise_search
from search_spaces import Range
from study.cli.main import run as mamlab
from study.cli.options import make_console
from study.cli.outcome import print_search
from study.engine.driver import run_study
from study.engine.plan import StudyChanged
from study.engine.progress import StudyProgress
from study.engine.trusted_version import with_trusted_version
from study.followup import promote, read_search
from study.python.result import open_study
from study.results import load
from study.spec.config import SpecError, StudyConfig
from study.spec.from_python import study_config
from study.spec.parsing import load_spec, parse_spec
from study.stopping import StopSignals
from study.stores.home import Home
from trainers.checkpoint import CheckpointFolder
from trainers.errors import InputError

from .slope_method import Config
from .store_rows import fresh_home, local_workers, mlflow_runs, optuna_trials, outcomes

METHOD = "tests.study_tests.slope_method:METHOD"
HEAD = f"""
[study]
name = "NAME"
seed = 1
[method]
use = "{METHOD}"
[data]
source = "method"
height = 6.0
[execution]
workers = 1
"""
SEARCH = (
    HEAD.replace("NAME", "walks")
    + """
[space]
rate = { low = 0.05, high = 0.9 }
"momentum.beta" = { low = 0.0, high = 0.9 }
[pruner]
name = "median"
n_startup_trials = 2
[budget]
trials = 6
"""
)
ABLATION = HEAD.replace("NAME", "parts") + '[ablation]\ndesign = "factorial"\nseeds = 2\nallow_underpowered = true\n'


def run(config: StudyConfig, home: Home, stop: StopSignals | None = None) -> StudyProgress:
    def show(progress: StudyProgress) -> None:
        if stop is not None and sum(progress.counts.get(state, 0) for state in ("complete", "pruned")) >= 3:
            stop.count = 1

    return run_study(config, home, show, executor=local_workers(1), stop=stop)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = fresh_home(tmp_path_factory.mktemp("methods"))
    assert run(parse_spec(SEARCH), home).finished
    assert run(parse_spec(ABLATION), home).finished
    return home


@pytest.fixture(scope="module")
def reports(home: Home) -> Path:
    """Return the folder with the reports of both studies."""
    for name in ("walks", "parts"):
        assert mamlab(["report", name, "--home", str(home.root)]) == 0
    return home.root / "reports"


def test_a_search_goes_where_the_metric_is_better(home: Home) -> None:
    trials = optuna_trials(home, "walks")
    values = {trial.number: trial.value for trial in trials if trial.state.name == "COMPLETE"}
    for run_of_trial in mlflow_runs(home, "walks"):
        values_of_run = run_of_trial.data.metrics
        assert values_of_run["val_rmse"] >= values_of_run["best_val_rmse"] > 0
        assert "step" in values_of_run
        assert "work" not in values_of_run
    last = run(parse_spec(SEARCH), home)
    assert last.best_value == min(values.values())
    assert {trial.state.name for trial in trials} == {"COMPLETE", "PRUNED"}


def test_arms_are_the_methods_components_and_the_report_is_of_its_metric(home: Home) -> None:
    info, records = load("parts", home)
    assert info.measured.name == "rmse"
    assert info.pairing == "noise"
    names = {"Slope", "Slope without momentum", "Slope without shift", "plain Slope"}
    assert {record.arm for record in records} == names
    assert records[0].params["momentum"] == "on"
    assert records[0].per_task["single"][0] == pytest.approx(records[0].metrics["test_rmse"] - 0.5, abs=1.5)


def test_a_search_that_is_stopped_and_resumed_is_the_same(home: Home, tmp_path: Path) -> None:
    other = fresh_home(tmp_path)
    first = run(parse_spec(SEARCH), other, StopSignals())
    assert first.interrupted
    assert run(parse_spec(SEARCH), other).finished
    assert outcomes(other, "walks") == outcomes(home, "walks")


@pytest.mark.usefixtures("reports")
@pytest.mark.parametrize(
    "command",
    [["doctor", "walks"], pytest.param(["doctor", "parts"], marks=pytest.mark.slow), ["status"], ["verify", "walks"]],
)
def test_commands_work_alike(home: Home, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert mamlab([*command, "--home", str(home.root)]) == 0
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("text", "instead"), [(SEARCH, "search: it shows"), (ABLATION, "ablate: it refuses")])
def test_a_plan_refuses_a_method_that_its_pilot_does_not_train(
    text: str, instead: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.toml"
    spec.write_text(text)
    assert mamlab(["plan", str(spec), "--json", "--home", str(tmp_path / "home")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "[method]: mamlab plan measures MAML++ only, and this spec trains Slope; start the study instead" in said
    assert f"with mamlab {instead}" in said


@pytest.mark.parametrize("study", [["walks"], ["parts", "--arm", "Slope"]])
def test_an_export_refuses_another_methods_models(
    study: list[str], home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mamlab(["export", study[0], str(tmp_path / "model"), *study[1:], "--home", str(home.root)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f'study "{study[0]}" was trained by {METHOD}, not by MAML++, so mamlab export cannot use its configs' in said
    assert f"To see its results: mamlab report {study[0]}" in said
    assert not (tmp_path / "model").exists()


def test_runs_of_a_study_are_compared_without_its_own_and_its_summaries(
    home: Home, reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report that was written before has made the summaries."""
    named = ["--arm", "tags.arm", "--seed", "tags.seed", "--metric", "test_rmse", "--base", "Slope"]
    assert mamlab(["compare", "--mlflow", home.mlflow_url, "parts", *named, "--better", "lower", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["notes"], found["excluded"]) == ([], [])
    own = open_study("parts", home=home).comparisons
    apart = {arm: value for arm, base, value in own[["arm", "base", "difference"]].to_numpy() if base == "Slope"}
    assert {one["arm"]: one["n"] for one in found["comparisons"]} == {
        "Slope without momentum": 2, "Slope without shift": 2, "plain Slope": 2,
    }  # fmt: skip
    for one in found["comparisons"]:
        assert one["difference"] == pytest.approx(apart.get(one["arm"], one["difference"]))
    assert len(apart) >= 2


def test_optuna_lost_is_rebuilt(home: Home, tmp_path: Path) -> None:
    before = outcomes(home, "walks")
    for lost in home.root.glob("optuna.db*"):
        lost.unlink()
    assert mamlab(["doctor", "walks", "--fix", "--home", str(home.root)]) == 0
    assert outcomes(home, "walks") == before
    assert mamlab(["doctor", "parts", "--fix", "--home", str(home.root)]) == 0


def test_a_training_that_is_killed_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    from trainers.find_method import find_method
    from trainers.method_training import train_method

    method = find_method(METHOD)
    config, data = method.config(), method.load(None, tmp_path)
    whole = list(train_method(method, config, 3, data, checkpoint=CheckpointFolder(tmp_path / "whole")))
    cut = CheckpointFolder(tmp_path / "cut")
    begun = train_method(method, config, 3, data, checkpoint=cut)
    assert [next(begun).value for _ in range(2)] == [epoch.value for epoch in whole[:2]]
    begun.close()
    again = list(train_method(method, config, 3, data, checkpoint=cut))
    assert [epoch.value for epoch in again] == [epoch.value for epoch in whole]


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("[space]", '[trainer]\nratee = 1\n[space]', "trainer.ratee: unknown key; did you mean rate? (known: rate"),
        ("[space]", "[trainer]\nrate = 900.0\n[space]", "trainer.rate: must be at most 100.0, not 900.0"),
        ('"momentum.beta"', '"momentum.bet"', "space.momentum.bet: no such setting of Slope; did you mean"),
        ("[space]", '[trainer]\npreset = "mamlpp"\n[space]', 'trainer.preset = "mamlpp": Slope has none; leave it out'),
        ("[space]", '[space]\npreset = "mamlpp"', 'space.preset = "mamlpp": Slope has no ready space; leave it out'),
        ("[space]", "[space]\nmax_compute = 2.0", "space.max_compute: Slope counts no operations; leave it out"),
        ("seed = 1", 'enqueue = ["portfolio"]', 'study.enqueue "portfolio": it has configs of MAML++, not of Slope'),
        (METHOD, "nothing", "method.use = \"nothing\": no package here registers a method (mamlab.methods); or write"),
        (METHOD, "no_such_module:METHOD", "there is no module no_such_module in the folders of imports"),
        (METHOD, METHOD.replace("METHOD", "METHODS"), "has no METHODS: unknown name; did you mean METHOD?"),
        (METHOD, METHOD.replace("METHOD", "Config"), "slope_method:Config: name is missing; see docs/methods.md"),
        (METHOD, "a b:c", 'method.use = "a b:c": must be "module:NAME", such as'),
    ],
)  # fmt: skip
def test_errors_name_fields_of_the_methods_config(before: str, after: str, problem: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(SEARCH.replace(before, after))
    assert problem in str(caught.value)


def test_the_methods_own_data_are_its_own_to_refuse(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data.height: must be positive"):
        run(parse_spec(SEARCH.replace("6.0", "-1.0")), fresh_home(tmp_path))


def test_other_data_or_another_method_is_another_study(home: Home) -> None:
    with pytest.raises(StudyChanged, match=r"data.height: was 6.0, is now 7.0"):
        run(parse_spec(SEARCH.replace("6.0", "7.0")), home)


CHANGING = '"""A method that changes."""\n\nfrom tests.study_tests.slope_method import Slope\n\nMETHOD = Slope()\n'


def changing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return the module of a method that tests may change, and a spec file that uses it."""
    monkeypatch.syspath_prepend(str(folder))
    module, spec = folder / "changing_of_test.py", folder / "parts.toml"
    module.write_text(CHANGING)
    spec.write_text(ABLATION.replace(METHOD, "changing_of_test:METHOD").replace("seeds = 2", "seeds = 1"))
    return module, spec


def test_a_changed_source_is_refused_and_trusted_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, spec = changing(tmp_path, monkeypatch)
    home, config, stop = fresh_home(tmp_path), load_spec(spec), StopSignals()
    stop.count = 1
    assert run(config, home, stop).interrupted  # recorded, and nothing is trained
    module.write_text(CHANGING + "# no number changes\n")
    assert mamlab(["ablate", str(spec), "--home", str(home.root)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "the method's source has changed, but not its version" in said
    assert "add --trust-version" in said
    changed = load_spec(spec)
    trusted = with_trusted_version(changed, home)
    assert changed.fingerprint(changed.base, 0, "") != config.fingerprint(config.base, 0, "")
    assert trusted.fingerprint(trusted.base, 0, "") == config.fingerprint(config.base, 0, "")
    assert run(trusted, home, stop).interrupted


@pytest.mark.slow
def test_a_study_goes_on_with_a_source_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, spec = changing(tmp_path, monkeypatch)
    home = fresh_home(tmp_path)
    assert mamlab(["ablate", str(spec), "--home", str(home.root)]) == 0
    before = {one.data.tags["cell"] for one in mlflow_runs(home, "parts")}
    module.write_text(CHANGING + "# no number changes\n")
    spec.write_text(spec.read_text().replace("seeds = 1", "seeds = 2"))
    assert mamlab(["ablate", str(spec), "--home", str(home.root), "--trust-version"]) == 0
    assert "--trust-version: the source of changing_of_test:METHOD has changed" in " ".join(
        capsys.readouterr().out.split()
    )
    assert before < {one.data.tags["cell"] for one in mlflow_runs(home, "parts")}
    assert "by --trust-version also changing_of_test:METHOD" in load("parts", home)[0].trained_by


def test_the_best_of_a_search_are_arms_of_a_study_of_its_method(home: Home) -> None:
    file, config = promote(read_search("walks", home, None), home, 1, 2, None)
    assert config.method.address == METHOD
    assert len(config.arms) == 2
    assert "base (Slope)" in config.arms
    assert load_spec(file).arms == config.arms


@pytest.mark.slow
def test_the_best_of_a_search_are_trained_on_fresh_seeds(home: Home) -> None:
    assert mamlab(["promote", "walks", "--best", "1", "--seeds", "2", "--home", str(home.root)]) == 0
    info, records = load("walks-promoted", home)
    assert {record.arm for record in records} >= {"base (Slope)"}
    assert {record.state for record in records} == {"complete"}
    assert info.origin is not None


def test_a_report_says_unit_and_better_side_of_the_metric(reports: Path) -> None:
    search = (reports / "walks" / "report.md").read_text()
    assert "with a validation rmse of " in search
    assert "as the minimum of a search this is biased downward" in search
    assert "Validation, m" in search
    parts = (reports / "parts" / "report.md").read_text()
    for said in ("rmse", "same noise", "lowest", "Trained by", "tests.study\\_tests.slope\\_method:METHOD"):
        assert said.replace("\\", "") in parts.replace("\\", ""), said
    for text in (search, parts):
        assert "ccuracy" not in text.partition("The spec file")[0]
        assert "initial weights" not in text
        assert not re.search(r"\d\.\d+ %", text)


def test_the_end_of_a_search_says_to_which_side_its_best_is_biased(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    info, records = load("walks", home)
    print_search(summarise_search(records, info), make_console())
    assert "The best score of a search is biased downward." in capsys.readouterr().out


def test_frames_have_the_metrics_name(home: Home) -> None:
    found = open_study("walks", home=home)
    best = found.trials.sort_values("rank").iloc[0]
    assert best["val_rmse"] == found.trials.loc[found.trials["state"] == "complete", "val_rmse"].min()
    assert found.runs["best_val_rmse" if "best_val_rmse" in found.runs else "val_rmse"].min() == best["val_rmse"]
    assert {"val_rmse", "step"} <= set(found.epochs.columns)
    assert found.best_config.rate == pytest.approx(float(best["params_rate"]))
    arms = open_study("parts", home=home).comparisons
    assert (arms["metric"] == "test_rmse").all()


def test_a_study_of_a_method_is_described_in_python_as_in_a_file() -> None:
    arms = {"slow": Config(rate=0.1), "plain": {"momentum": "off"}}
    found = study_config(
        "s", data={"source": "method", "height": 6.0}, method=METHOD, trainer=Config(rate=0.2),
        ablation={"design": "arms", "arms": arms, "seeds": 8},
    )  # fmt: skip
    assert found.arms["slow"][0] == Config(rate=0.1)
    assert found.arms["plain"][0] == Config(rate=0.2, momentum="off")
    assert parse_spec(found.spec_text).fingerprint(found.base, 0, "") == found.fingerprint(Config(rate=0.2), 0, "")
    searched = study_config(
        "s", data="method", method=METHOD, space={"rate": Range(0.1, 0.5)}, budget={"trials": 2}
    )  # fmt: skip
    assert searched.space is not None
    assert searched.method.name == "Slope"


def test_a_package_registers_a_method_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "walking_of_test.py").write_text(CHANGING)
    about = tmp_path / "walking_of_test-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: walking-of-test\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[mamlab.methods]\nwalker = walking_of_test:METHOD\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    config = parse_spec(SEARCH.replace(METHOD, "walker"))
    assert (config.method.address, config.method.name) == ("walking_of_test:METHOD", "Slope")
    assert config.fingerprint(config.base, 0, "") == parse_spec(
        SEARCH.replace(METHOD, "walking_of_test:METHOD")
    ).fingerprint(config.base, 0, "")
    assert mamlab(["method", "check", "walker"]) == 0
    assert "the config survives a round trip" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SpecError, match=r"did you mean walker\?"):
        parse_spec(SEARCH.replace(METHOD, "walkr"))


def test_a_study_whose_method_is_gone_can_still_be_read(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(use: str) -> None:
        raise InputError(f'method.use = "{use}": there is no module here')

    monkeypatch.setattr("study.spec.method_section.find_method", gone)
    assert mamlab(["status", "--home", str(home.root)]) == 0
    assert "walks" in capsys.readouterr().out
    assert mamlab(["report", "walks", "--home", str(home.root), "--out", str(home.root / "again")]) == 0
    assert "cannot tell whether runs are missing, because the stored spec cannot be read" in capsys.readouterr().out
