"""The files that are kept with a finished run."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence

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
from trainers.results import TrainResult


def run_files(config: TrainerConfig, result: TrainResult) -> dict[str, bytes]:
    """Return config, accuracy per task, schedules, and inner rates (as numbers and as a picture), by file name."""
    per_task = {SINGLE: result.test_per_task, ENSEMBLE: result.ensemble_test_per_task, AUDIT: result.audit}
    files = {
        CONFIG_FILE: config.model_dump_json(indent=2).encode(),
        PER_TASK_FILE: json.dumps(per_task).encode(),
        SCHEDULES_FILE: json.dumps(schedules(config)).encode(),
        INNER_RATES_FILE: json.dumps(result.inner_rates, indent=1).encode(),
    }
    if result.inner_rates:
        files[INNER_RATES_PICTURE] = rates_picture(result.inner_rates)
    return files


def schedules(config: TrainerConfig) -> dict[str, list[float]]:
    """Return MSL's weight of each inner step and DA's order, each a list over the epochs."""
    epochs = range(config.budget.epochs)
    weights = zip(*(msl_weights(config, epoch) for epoch in epochs), strict=True)
    curves = {f"{MSL_WEIGHT}{step}": list(over) for step, over in enumerate(weights, start=1)}
    return curves | {SECOND_ORDER: [float(second_order(config, epoch)) for epoch in epochs]}


def rates_picture(rates: Mapping[str, Sequence[float]]) -> bytes:
    """Return a heat map (PNG) of the inner rates: a row a weight, a column an inner step, each cell with its number."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names, steps = list(rates), max(map(len, rates.values()))
    figure = Figure(figsize=(2.4 + 0.8 * steps, 1.2 + 0.3 * len(names)), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    bound = max(abs(rate) for row in rates.values() for rate in row) or 1.0
    table = [[*row, *[float("nan")] * (steps - len(row))] for row in rates.values()]
    image = axes.imshow(table, aspect="auto", cmap="RdBu_r", vmin=-bound, vmax=bound)
    for line, row in enumerate(rates.values()):
        for step, rate in enumerate(row):
            colour = "white" if abs(rate) > 0.6 * bound else "black"
            axes.text(step, line, f"{rate:.3g}", ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(steps), [str(step + 1) for step in range(steps)])
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="inner step", title="Inner rates of the best epoch")
    figure.colorbar(image, label="rate (negative: away from the support set's minimum)")
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
