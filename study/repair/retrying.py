"""Failed runs of a study that shall run again at its next start.

A trial that has ended in Optuna cannot be opened again, so it is marked as superseded, and the study's next start
enqueues another with the same parameters, or arm and seed. It counts once: reports, status and budget pass over what
is superseded. Each step can be done again, so a death in between is mended by the same command.
"""

from __future__ import annotations

from reports import records
from reports.data.experiments import find_experiment

from ..engine.attributes import STATE
from ..stores.connect import open_mlflow
from ..stores.home import Home
from ..stores.locks import DriverBusy, driver_lock
from .fixes import rebuild_trials, run_again
from .state import read_stored

RETRIED = (records.FAILED, records.OUT_OF_MEMORY)
"""Divergence is a result, and stays."""


def retry_failed(home: Home, study: str) -> int:
    """Mark the trials that failed or ran out of memory to be run again; return how many. A study that is new has none.

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
        run_again(stored, {one.number for one in failed})
    return len(failed)
