"""The page of the search-efficiency study: question, table, figure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from reports.figures.style import BLUE, GREEN, ORANGE, RED, canvas, style, to_svg
from reports.statistics.estimate import Estimate
from reports.text import interval, percent
from study.spec.rungs import rungs
from study.spec.sections import Named

from .header import header
from .search_efficiency_statistics import (
    REPETITIONS,
    Curve,
    Ratio,
    expected_random,
    held_out_difference,
    mean_best,
    ratio,
)

AIM, MUST = 0.20, 0.40
"""Ratio aimed at, and the upper end that its interval may have."""
FIGURE = "search-repetitions.svg"
PAGE = "search_repetitions.md"
LOOKS = {
    "random": (BLUE, "random, no pruning"),
    "tpe": (ORANGE, "TPE, no pruning"),
    "halving": (RED, "default without portfolio"),
    "default": (GREEN, "default with the other problems' portfolio"),
}
Curves = Mapping[str, Sequence[Curve]]


def write_page(
    problems: Mapping[str, Curves], spec: str, trials: Mapping[str, int], folder: Path, commits: Collection[str] = ()
) -> str:
    """Write search_repetitions.md and its figure into `folder`; return the page's text."""
    folder.mkdir(parents=True, exist_ok=True)
    done = {name: curves for name, curves in problems.items() if curves["random"]}
    if done:
        (folder / FIGURE).write_text(figure(done), encoding="utf-8")
    text = page(problems, spec, trials, commits)
    (folder / PAGE).write_text(text, encoding="utf-8")
    return text


def page(problems: Mapping[str, Curves], spec: str, trials: Mapping[str, int], commits: Collection[str] = ()) -> str:
    """Return the page, in Markdown; `commits` are those at which the searches ran."""
    about = [f"- {name}: {value}" for name, value in {**header(), "commit": ", ".join(sorted(commits))}.items()]
    return "\n".join(
        [
            "# Search: real repetitions",
            "",
            (
                "Written by `python -m benchmarks.search_efficiency`, which runs the searches that are missing, with"
                " every trial's compute and accuracies ([search_repetitions.parquet](search_repetitions.parquet))."
            ),
            "",
            (
                f"Random search without pruning ({trials['random']} trials) sets the target: the mean over repetitions"
                " of its best validation accuracy. TPE without pruning has as many trials, the default (no [sampler],"
                f" no [pruner] in the spec) {trials['default']}, most of them stopped early{_where(spec)}. It runs"
                " without a portfolio, and with one that was chosen on the other problems of the"
                " [tables of curves](curves/README.md) (`python -m benchmarks.replay.portfolio`), not with the one"
                " that ships, which was chosen on this problem, too. The ratio is the compute after which a method's"
                " mean best reaches the target, over random's full compute; compute is counted operations, of stopped"
                f" trainings too. Set beforehand: the aim is a ratio of at most {AIM:.2f}, and its upper end must be"
                f" below {MUST:.2f}. Its intervals: 95 % percentile bootstrap over repetitions, drawn in pairs by seed;"
                " of so few they are rather too narrow. A repetition's searches have the same seed."
            ),
            "",
            (
                "The best is what the search saw, so it is biased upward. At the end, the trial that the search ranks"
                " first is judged on validation tasks that it did not see (four times as many); the last column says"
                " by how many points it is better than that of TPE without pruning (paired by seed, Student t). In the"
                " figure, a thick line is the mean of the searches, and ends where the first of them ends."
            ),
            "",
            *(line for name, curves in problems.items() for line in _problem(name, curves)),
            *(
                [f"![Expected best validation accuracy against compute]({FIGURE})", ""]
                if any(c["random"] for c in problems.values())
                else []
            ),
            "## How it was run",
            "",
            *about,
            "",
            "Each search, with the names filled in:",
            "",
            "```toml",
            spec.strip().replace("{{", "{").replace("}}", "}"),
            "```",
            "",
        ]
    )


def _where(spec: str) -> str:
    """Return the rungs of the default pruner for this spec, as part of a sentence."""
    length = re.search(r"epochs = (\d+)", spec)
    found = rungs(Named(name="successive_halving"), int(length[1])) if length else []
    return f", at rungs after {' and '.join(map(str, found))} of {length[1]} epochs" if length and found else ""


def _problem(name: str, curves: Curves) -> list[str]:
    if not curves["random"]:
        return [f"## {name}", "", "Not run yet.", ""]
    head = [
        (
            "| method | n | compute | complete trials | best, % | after a quarter of random's compute, % | ratio of"
            " compute to random's best | first on held-out tasks, % | points above TPE |"
        ),
        "|---|---:|---:|---:|---:|---:|---|---:|---|",
    ]
    full = _mean([curve.ends for curve in curves["random"]])
    rows = [_row(method, own, curves, full) for method, own in curves.items()]
    found = ratio(curves["default"], curves["random"])
    needs = f"the default needs {_ratio_text(found)} of random's compute"
    aim, end = "hit" if found.value <= AIM else "missed", "is" if found.high < MUST else "is not"
    sentence = f"{needs.capitalize()}: the aim of {AIM:.2f} is {aim}, and the upper end {end} below {MUST:.2f}."
    if found.n < REPETITIONS:
        sentence = (
            f"So far {found.n} of {REPETITIONS} repetitions are done: {needs}. The verdict waits for all of them."
        )
    return [f"## {name}", "", sentence, "", *head, *rows, ""]


def _row(method: str, own: Sequence[Curve], curves: Curves, full: float) -> str:
    apart = [curve.held_out for curve in own if curve.held_out is not None]
    cells = [
        LOOKS[method][1], str(len(own)), f"{_mean([curve.ends for curve in own]) / full:.2f}",
        f"{_mean([len(curve.values) for curve in own]):.1f} of {_mean([curve.trials for curve in own]):.0f}",
        f"{100 * _mean([curve.best[-1] for curve in own]):.2f}", f"{100 * mean_best(own, full / 4):.2f}",
        _ratio_text(ratio(own, curves["random"])), f"{100 * _mean(apart):.2f}" if apart else "",
        "" if method == "tpe" else _difference_text(held_out_difference(own, curves["tpe"])),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _difference_text(found: Estimate | None) -> str:
    return f"{percent(found.mean, signed=True)} {interval(found, signed=True)}" if found else ""


def _ratio_text(found: Ratio) -> str:
    if found.n < 2:
        return f"{_number(found.value)} (n = 1, no interval)"
    return f"{_number(found.value)} [{_number(found.low)}, {_number(found.high)}]"


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "never reached"


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def figure(problems: Mapping[str, Curves]) -> str:
    """Return the SVG: one panel per problem with mean best value against compute relative to random search's, and each
    repetition as a thin line.
    """
    with style():
        drawing = canvas(9.2, 3.2)
        panels = drawing.subplots(1, len(problems), squeeze=False)[0]
        for axes, (name, curves) in zip(panels, problems.items(), strict=True):
            full = _mean([curve.ends for curve in curves["random"]])
            for method, (colour, label) in LOOKS.items():
                _draw(axes, curves[method], method, full, colour, label)
            axes.axvline(AIM, color=GREEN, linestyle=(0, (2, 3)), linewidth=1)
            axes.set(title=name, xlabel="Compute, as a share of random's full compute", xlim=(0, 1.05))
            axes.set_ylabel("Expected best validation, %")
        handles, labels = panels[-1].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside upper left", ncols=3)
        return to_svg(drawing, "search-efficiency", "Expected best validation accuracy against counted compute")


def _draw(axes: object, curves: Sequence[Curve], method: str, full: float, colour: str, label: str) -> None:
    grid = np.linspace(0, 1.05, 106)
    if method == "random":
        points = [np.array(expected_random(curve)) for curve in curves]
        each = [np.interp(grid * full, found[:, 0], found[:, 1], left=np.nan) for found in points]
    else:
        each = [_steps(curve, grid * full) for curve in curves]
    for values in each:
        axes.plot(grid, 100 * values, color=colour, linewidth=0.6, alpha=0.35)  # type: ignore[attr-defined]
    mean = np.mean(each, axis=0)  # only where every repetition has a value
    axes.plot(grid, 100 * mean, color=colour, label=label)  # type: ignore[attr-defined]


def _steps(
    curve: Curve, compute: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the best value at each `compute`; NaN before the first complete trial and after the search's end."""
    return np.array([(curve.at(spent) or np.nan) if spent <= curve.ends else np.nan for spent in compute])
