"""Two drivers that want the same thing."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from study.engine.plan import StudyChanged
from study.spec.parsing import parse_spec
from tests.study_tests.drivers import STOPPED, ended, wait_for_new_epochs
from tests.study_tests.store_rows import mlflow_runs

from .cases import arms, calm, hunt, new_home
from .invariants import check_invariants, results

TIMES = [pytest.param(number, marks=pytest.mark.faults) for number in range(3)]


@pytest.mark.parametrize("number", TIMES)
def test_of_two_drivers_at_once_one_works_and_one_leaves(number: int, tmp_path: Path, moments: random.Random) -> None:
    case, home = hunt(), new_home(tmp_path, number)
    first = case.start(home)
    time.sleep(moments.uniform(0, 1))
    second = case.start(home)
    (one, complaint_of_one), (other, complaint_of_other) = ended(first), ended(second)
    assert sorted((one, other)) == [0, 1]
    assert 'study "hunt" is being run by host' in complaint_of_one + complaint_of_other
    check_invariants(home, case.config, calm(hunt))


@pytest.mark.parametrize("number", TIMES)
def test_two_studies_that_want_the_same_cells_train_each_once(
    number: int, tmp_path: Path, moments: random.Random
) -> None:
    first, second, home = arms("first"), arms("second"), new_home(tmp_path, number)
    drivers = [first.start(home)]
    time.sleep(moments.uniform(0, 2))
    drivers.append(second.start(home))
    for driver in drivers:
        status, errors = ended(driver)
        assert status == 0, errors
    for case in (first, second):
        check_invariants(home, case.config, calm(arms))
    cells = [run.data.tags["cell"] for name in ("first", "second") for run in mlflow_runs(home, name)]
    assert len(cells) == 16
    assert len(set(cells)) == 8
    logs = "".join(file.read_text() for file in home.logs.glob("*/worker-*.log"))
    assert logs.count("trains ") == 8


@pytest.mark.parametrize("number", TIMES)
def test_a_study_resumed_with_a_changed_spec_is_refused_and_unharmed(
    number: int, tmp_path: Path, moments: random.Random
) -> None:
    case, home = hunt(), new_home(tmp_path, number)
    driver = case.start(home)
    assert wait_for_new_epochs(home, moments.randint(1, 8), driver)
    driver.terminate()
    assert ended(driver)[0] == STOPPED
    before = results(home, case.config)
    old, new = [("high = 1e-1", "high = 1.0"), ('"median"', '"percentile"'), ("epochs = 4", "epochs = 5")][number]
    assert old in case.config.spec_text
    changed = parse_spec(case.config.spec_text.replace(old, new))
    with pytest.raises(StudyChanged, match="was started with a different spec"):
        type(case)(changed, 10).run(home)
    check_invariants(home, case.config, calm(hunt), before=before, whole=False)
    assert case.run(home).finished
    check_invariants(home, case.config, calm(hunt), before=before)
