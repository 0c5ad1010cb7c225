"""The files that are kept with a finished run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape

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


LABEL, CELL, LINE = 150, 62, 24
"""Width of a row's name, and of a cell, and height of a row, in pixels."""


def rates_picture(rates: Mapping[str, Sequence[float]]) -> bytes:
    """Return a heat map (SVG) of the inner rates: a row a weight, a column an inner step, each cell with its number.

    Written by hand: drawing it with matplotlib kept a worker for a quarter of a second between two runs.
    """
    bound = max((abs(rate) for row in rates.values() for rate in row), default=0.0) or 1.0
    steps = max(map(len, rates.values()))
    width, height = LABEL + CELL * steps + 10, LINE * (len(rates) + 3)
    parts = [_text(10, LINE, "Inner rates of the best epoch, by inner step; negative: away from the minimum", "start")]
    parts += [_text(LABEL + CELL * (step + 0.5), 2 * LINE, str(step + 1)) for step in range(steps)]
    for line, (name, row) in enumerate(rates.items(), start=2):
        parts.append(_text(LABEL - 8, LINE * (line + 1), name, "end"))
        for step, rate in enumerate(row):
            left, middle = LABEL + CELL * step, LABEL + CELL * (step + 0.5)
            colour = _colour(rate / bound)
            parts.append(
                f'<rect x="{left}" y="{LINE * (line + 0.3):g}" width="{CELL}" height="{LINE}" fill="{colour}"/>'
            )
            parts.append(
                _text(middle, LINE * (line + 1), f"{rate:.3g}", fill="#fff" if abs(rate) > 0.6 * bound else "#111")
            )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {max(width, 520)} {height}" width="{max(width, 520)}"'
    style = 'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
    return "\n".join([f"{head} {style}", *parts, "</svg>\n"]).encode()


def _text(x: float, y: float, text: str, anchor: str = "middle", fill: str = "#111") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'


def _colour(share: float) -> str:
    """Return white for 0, red for 1, blue for -1."""
    end = (178, 24, 43) if share > 0 else (33, 102, 172)
    return "#" + "".join(f"{round(255 + (channel - 255) * min(abs(share), 1.0)):02x}" for channel in end)
