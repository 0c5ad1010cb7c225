"""The artifact files of a finished run."""

from __future__ import annotations

import json

from reports.records import (
    AUDIT,
    CONFIG_FILE,
    ENSEMBLE,
    INNER_RATES_FILE,
    INNER_RATES_PICTURE,
    MSL_WEIGHT,
    PER_TASK_FILE,
    SCHEDULES_FILE,
    SECOND_ORDER,
    SINGLE,
)
from trainers.config import TrainerConfig
from trainers.mamlpp.schedules import msl_weights, second_order
from trainers.method import Config
from trainers.results import AnyResult, MethodResult


def run_files(config: Config, result: AnyResult) -> dict[str, bytes]:
    """Return config, accuracy per task, schedules and inner learning rates (numbers and image), by file name."""
    if isinstance(result, MethodResult):
        whole, tasks = config.model_dump_json(indent=2), json.dumps({SINGLE: list(result.test_per_task)})
        none = {SCHEDULES_FILE: b"{}", INNER_RATES_FILE: b"{}"}
        return {CONFIG_FILE: whole.encode(), PER_TASK_FILE: tasks.encode(), **none}
    per_task = {SINGLE: result.test_per_task, ENSEMBLE: result.ensemble_test_per_task, AUDIT: result.audit}
    files = {
        CONFIG_FILE: config.model_dump_json(indent=2).encode(),
        PER_TASK_FILE: json.dumps(per_task).encode(),
        SCHEDULES_FILE: json.dumps(schedules(config)).encode(),
        INNER_RATES_FILE: json.dumps(result.inner_rates, indent=1).encode(),
    }
    if result.inner_rates:
        from reports.figures.mechanism import (
            rates_picture,  # loads matplotlib, which a worker needs at the end of a run only
        )

        files[INNER_RATES_PICTURE] = rates_picture(result.inner_rates)
    return files


def schedules(config: TrainerConfig) -> dict[str, list[float]]:
    """Return MSL's weight of each inner step, and whether DA is second-order, each as a list over the epochs."""
    epochs = range(config.budget.epochs)
    weights = zip(*(msl_weights(config, epoch) for epoch in epochs), strict=True)
    curves = {f"{MSL_WEIGHT}{step}": list(over) for step, over in enumerate(weights, start=1)}
    return curves | {SECOND_ORDER: [float(second_order(config, epoch)) for epoch in epochs]}
