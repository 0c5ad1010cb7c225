"""Marks failed runs to run again at the study's next start.

A finished Optuna trial cannot be reopened, so it is marked as superseded, and the next start enqueues a new one with
the same parameters, or arm and seed. Reports, status and budget skip superseded trials. Every step can be repeated, so
after an interruption the same command finishes the job.
"""

from __future__ import annotations

from reports import records
from reports.data.experiments import find_experiment

from ..engine.attributes import STATE
from ..stores.connect import open_mlflow
from ..stores.home import Home
from ..stores.locks import DriverBusy, driver_lock
from .fixes import mark_for_rerun, rebuild_trials
from .state import read_stored

RETRIED = (records.FAILED, records.OUT_OF_MEMORY)
"""Divergence is a result, and is not retried."""


def retry_failed(home: Home, study: str) -> int:
    """Mark the trials that failed or ran out of memory to run again; return how many (0 for a new study).

    Raises DriverBusy while the study is being run.
    """
    if find_experiment(open_mlflow(home), study) is None:
        return 0
    with driver_lock(home.locks / f"{study}.lock", study):
        stored = read_stored(home, study, alone=True)
        if stored.driver:
            raise DriverBusy(f'study "{study}" is being run by {stored.driver}; stop it there first')
        if stored.lost:
            rebuild_trials(stored)
            stored = read_stored(home, study, alone=True)
        failed = [
            one for one in stored.trials.values() if one.state.is_finished() and one.user_attrs.get(STATE) in RETRIED
        ]
        mark_for_rerun(stored, {one.number for one in failed})
    return len(failed)
