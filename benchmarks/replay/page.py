"""The page of the replays: questions, tables, figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports.figures.style import BLUE, GREEN, ORANGE, RED, canvas, style, to_svg

from ..header import header
from .replaying import GRID, SHARES, TRAININGS, Ratio, gain, means, of_few, ratios
from .table import Floats

FIGURE = "search-efficiency.svg"
HEAD = (
    "| method | to random's best at 1/4 | at 1/2 | at all of its compute | at the end, points above random |\n"
    "|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Outcome:
    """Results of the methods on one problem: the replays of each method by its name, random search first."""

    configs: int
    rules: Mapping[str, Floats]
    sampled: Sequence[tuple[str, Floats]]
    errors: Sequence[float]
    explained: Sequence[float]
    default: Floats
    """The replays of the default."""


def page(problems: Mapping[str, Outcome], text: str, earlier: str) -> str:
    """Return the page, in Markdown; `text` is the introduction, and `earlier` is appended at the end."""
    parts = [text.strip(), *(_problem(name, outcome) for name, outcome in problems.items())]
    about = "\n".join(f"- {name}: {value}" for name, value in header().items())
    return "\n\n".join([*parts, f"![Judged accuracy of the incumbent against compute]({FIGURE})", earlier.strip(),
                        f"## How it was run\n\n{about}"]) + "\n"  # fmt: skip


def _problem(name: str, outcome: Outcome) -> str:
    random = next(iter(outcome.rules.values()))
    best = ", ".join(f"{100 * means(random)[round(GRID * share) - 1]:.1f}" for share in SHARES)
    five = of_few(random)
    exact = [_row(method, found, random) for method, found in outcome.rules.items()]
    lines = [
        f"## {name}",
        "",
        (
            f"{outcome.configs} configs. Random search's incumbents after a quarter, half and all of its compute:"
            f" {best} % on the judging tasks. With five repetitions in place of {len(random)}, random search by itself"
            f" shows a ratio (at all of its compute) of {_quantiles(five[0])}, and one set of five against another"
            f" {_quantiles(five[1])} (median, 95 % range)."
        ),
        "",
        f"Rules over random configs, {len(random)} repetitions:",
        "",
        HEAD,
        *exact,
    ]
    if outcome.sampled:
        rows = [_row(method, found, random[: len(found)]) for method, found in outcome.sampled]
        apart = [
            f"{method} {_points(gain(found, outcome.default))}"
            for method, found in outcome.sampled
            if found is not outcome.default
        ]
        lines += [
            "",
            (
                f"TPE on the surrogate, {len(outcome.default)} repetitions. The surrogate's error on held-out configs:"
                f" {100 * outcome.errors[0]:.1f} points of the last epoch's validation,"
                f" {100 * outcome.errors[1]:.1f} on the judging tasks (R² {outcome.explained[0]:.2f} and"
                f" {outcome.explained[1]:.2f}):"
            ),
            "",
            HEAD,
            *rows,
            "",
            f"At the end, points above the default, paired: {'; '.join(apart)}.",
        ]
    return "\n".join(lines)


def _row(method: str, found: Floats, random: Floats) -> str:
    shown = ["1" if found is random else _ratio(one) for one in ratios(found, random)]
    return f"| {method} | {' | '.join(shown)} | {'0' if found is random else _points(gain(found, random))} |"


def _quantiles(values: Floats) -> str:
    low, median, high = np.quantile(values, [0.025, 0.5, 0.975], method="nearest")
    return f"{median:.2f} [{_number(low)}, {_number(high)}]"


def _ratio(found: Ratio) -> str:
    return f"{_number(found.value)} [{_number(found.low)}, {_number(found.high)}]"


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "never"


def _points(found: Ratio) -> str:
    if math.isnan(found.value):
        return "not every repetition has an incumbent"
    return f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]".replace("-", "−")


def figure(problems: Mapping[str, Outcome], shown: Sequence[str]) -> str:
    """Return the SVG: one panel per problem, the mean judged accuracy of the incumbent per rule in `shown`."""
    with style():
        drawing = canvas(3.1 * len(problems) + 0.5, 3.2)
        panels = drawing.subplots(1, len(problems), squeeze=False)[0]
        for axes, (name, outcome) in zip(panels, problems.items(), strict=True):
            for colour, method in zip((BLUE, ORANGE, GREEN, RED), shown, strict=False):
                moments = TRAININGS * np.arange(1, GRID + 1) / GRID
                axes.plot(moments, 100 * means(outcome.rules[method]), color=colour, label=method.partition(" (")[0])
            axes.set(title=name, xlabel="Compute, whole trainings", ylabel="Incumbent on judging tasks, %")
        handles, labels = panels[-1].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside upper left", ncols=len(problems), fontsize=7)
        return to_svg(drawing, "search-efficiency", "Judged accuracy of the incumbent against counted compute")
