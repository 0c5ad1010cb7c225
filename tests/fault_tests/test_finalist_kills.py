"""A driver that is killed between the records of a held-out accuracy: MLflow's metric, Optuna's attribute, the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reports import records
from study.engine.attributes import HELD_OUT
from study.repair.diagnosis import diagnose, fix_all
from study.repair.state import read_stored
from study.results import load
from tests.study_tests.store_rows import check_stores, fresh_home, optuna_trials
from tests.study_tests.test_finalists import small, start

KILLED = """
import os, sys
from pathlib import Path
from study.engine.driver import run_study
from study.spec.parsing import parse_spec
from study.stores.home import Home
from study.stores.optuna_storage import SoleWriter

write = SoleWriter.set_trial_user_attr

def last(self, trial_id, key, value):
    if key.startswith("mamlab.held_out.") and sys.argv[3] == "metric":
        os._exit(9)
    write(self, trial_id, key, value)
    if key.startswith("mamlab.held_out."):
        os._exit(9)

SoleWriter.set_trial_user_attr = last
run_study(parse_spec(Path(sys.argv[2]).read_text()), Home(Path(sys.argv[1])), lambda progress: None)
"""


@pytest.mark.faults
@pytest.mark.parametrize("mend", ["doctor", "start"])
@pytest.mark.parametrize("written", ["metric", "metric and attribute"])
def test_a_kill_between_the_records_is_mended(written: str, mend: str, tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), small(2)
    (tmp_path / "small.toml").write_text(config.spec_text)
    code = [sys.executable, "-c", KILLED, str(tmp_path), str(tmp_path / "small.toml"), written]
    assert subprocess.run(code, check=False).returncode == 9
    (killed,) = load("small", home)[1]
    assert killed.state == records.COMPLETE
    value = killed.metrics[records.HELD_OUT_ACCURACY]
    (trial,) = optuna_trials(home, "small")
    assert (trial.state.name, f"{HELD_OUT}0" in trial.user_attrs) == ("RUNNING", written != "metric")

    if mend == "doctor":
        fixed, left = fix_all(read_stored(home, "small"))
        assert fixed
        assert not left
        assert optuna_trials(home, "small")[0].state.name == "COMPLETE"
    else:
        start(config, home)
        assert check_stores(home, config, 2) == {"complete": 2}
    assert optuna_trials(home, "small")[0].user_attrs[f"{HELD_OUT}0"] == value
    assert load("small", home)[1][0].metrics[records.HELD_OUT_ACCURACY] == value
    assert not diagnose(read_stored(home, "small"))
