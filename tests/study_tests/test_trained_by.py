"""A training's identity says who trained: another trainer's checkpoints are never taken for MAML++'s, nor a changed
one's for those of before.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.data.files import read_files, write_files
from study.cli.main import run as mamlab
from study.engine.driver import run_study
from study.engine.plan import StudyChanged, planned_fingerprint
from study.results import load
from study.spec.trained_by import MAMLPP, trained_by
from trainers.errors import InputError

from .store_rows import LOADER, TRAINER, ablation, fresh_home, mlflow_runs, optuna_trials, run, search

ARMS = {"a": "{}", "b": '{ "outer.lr" = 0.1 }'}
STORED = {"a": "af15c068", "b": "21c0fce5"}
"""How the fingerprints of MAML++'s trainings begin, as versions before stored them."""


def test_maml_plus_plus_keeps_its_fingerprints() -> None:
    config = ablation(ARMS, seeds=1)
    assert trained_by(MAMLPP) == ""
    found = {arm: planned_fingerprint(config, arm, 1, "checksum")[:8] for arm in ARMS}
    assert found == STORED


def test_another_trainers_checkpoint_is_not_reused(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation(ARMS, seeds=1)
    assert run(config, home).finished
    stand_in = {one.data.tags["cell"] for one in mlflow_runs(home, "arms")}
    again = ablation(ARMS, seeds=1, name="again", retries=0)
    assert run(again, home, trainer="tests.study_tests.stand_in:train_elsewhere").counts == {"failed": 2}
    others = {one.data.tags["cell"] for one in mlflow_runs(home, "again")}
    ours = {planned_fingerprint(config, arm, 1, "") for arm in ARMS}
    assert not stand_in & others
    assert not ours & (stand_in | others)


def test_a_study_goes_on_with_its_own_trainer_only_and_says_which(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), search(trials=2, workers=1)
    assert run(config, home).finished
    more = search(trials=3, workers=1)
    with pytest.raises(StudyChanged, match=r"trained_by: was 'tests.study_tests.stand_in:train .*', is now 'absent'"):
        run_study(more, home, lambda progress: None, loader=LOADER)
    assert len(optuna_trials(home, "hunt")) == 2
    assert run(more, home).finished


def test_the_same_name_with_another_source_is_another_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "my_trainer_of_test.py"
    module.write_text("def train(): ...\n")
    before = trained_by("my_trainer_of_test:train")
    module.write_text("def train(): return 1\n")
    assert before.startswith("my_trainer_of_test:train (SHA-256 of its module: ")
    assert trained_by("my_trainer_of_test:train") != before


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("train", r'trainer = "train": must be a function as "module:name"'),
        ("no_such_module:train", "workers cannot import the module no_such_module"),
        ("no_such.module:train", "workers cannot import the module no_such.module"),
        ("__main__:train", "workers cannot import the module __main__"),
    ],
)
def test_a_trainer_that_no_worker_can_import_is_named(address: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        run_study(ablation(ARMS), fresh_home(tmp_path), lambda progress: None, trainer=address, loader=LOADER)


def test_what_trained_is_in_the_records_and_only_maml_plus_plus_is_promoted_or_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, config = fresh_home(tmp_path), search(trials=2, workers=1)
    assert run(config, home).finished
    info, records = load("hunt", home)
    assert info.trained_by == trained_by(TRAINER)
    assert info.pairing == ""  # nobody said what its equal seeds share
    write_files(records, info, tmp_path / "report")
    assert read_files(tmp_path / "report")[0].trained_by == info.trained_by
    why = 'study "hunt" was trained by tests.study_tests.stand_in:train, not by MAML'
    for command in (["promote", "hunt"], ["ablate", "--from", "hunt"], ["export", "hunt", str(tmp_path / "model")]):
        assert mamlab([*command, "--home", str(home.root)]) == 2
        assert why in " ".join(capsys.readouterr().err.split())


def test_optuna_lost_is_rebuilt_for_the_trainer_of_the_study(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), search(trials=2, workers=1)
    assert run(config, home).finished
    for lost in home.root.glob("optuna.db*"):
        lost.unlink()
    with pytest.raises(StudyChanged, match="trained_by"):
        run_study(config, home, lambda progress: None, loader=LOADER)
    assert mamlab(["doctor", "hunt", "--fix", "--home", str(home.root)]) == 0
    assert len(optuna_trials(home, "hunt")) == 2
