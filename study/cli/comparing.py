"""The command `compare`, for results from other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trainers.errors import InputError

from ..text import print_notes, say
from .options import JsonOption, make_console

if TYPE_CHECKING:
    from reports.metric import Better
    from reports.statistics.summary import Ablation

    from ..python.result import Result

VERDICT_STATUS = {"better": 0, "worse": 3, "equivalent": 4, "undecided": 5}
"""Exit status of `--exit-verdict`."""


def compare(
    table: Annotated[
        Path | None,
        typer.Argument(help="Table of results: CSV or Parquet, one row per run.", show_default=False),
    ] = None,
    metric: Annotated[
        str, typer.Option(help="Column of the values, or name of the metric in MLflow.", show_default=False)
    ] = "",
    arm: Annotated[
        str | None,
        typer.Option(
            help="Column of the arms; tags.NAME or params.NAME with --mlflow. Without it, each column is an arm.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[str, typer.Option(help="Column of the seeds; tags.NAME or params.NAME with --mlflow.")] = "seed",
    task: Annotated[
        str | None, typer.Option(help="Column of the test tasks, if a run has one row per task.", show_default=False)
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="The base arm, with which the others are compared. Default: the first.", show_default=False),
    ] = None,
    better: Annotated[
        Literal["higher", "lower"] | None,
        typer.Option(
            help="Whether higher or lower is better. Default: guessed from the metric's name.", show_default=False
        ),
    ] = None,
    unit: Annotated[str, typer.Option(help="Unit of the values, such as ms.", show_default=False)] = "",
    scale: Annotated[float, typer.Option(help="Factor for displayed values; 100 with --unit % for fractions.")] = 1,
    margin: Annotated[
        float | None,
        typer.Option(
            help="Equivalence margin: smaller differences do not matter. In the displayed unit.", show_default=False
        ),
    ] = None,
    pairing: Annotated[
        str, typer.Option(help='What runs with the same seed share, such as "initial weights".', show_default=False)
    ] = "",
    mlflow: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="URI EXPERIMENT", help="An MLflow experiment, instead of a table.", show_default=False),
    ] = None,
    where: Annotated[
        str, typer.Option("--filter", help="With --mlflow: an MLflow filter string for runs.", show_default=False)
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Also write a report to this folder.", show_default=False)] = None,
    as_json: JsonOption = False,
    exit_verdict: Annotated[
        str | None,
        typer.Option(
            metavar="ARM",
            help="Set the exit status by this arm's verdict: 0 better, 3 worse, 4 equivalent, 5 undecided.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compare existing results, from a table or from MLflow: each arm with a base, paired by seed.

    Example: mamlab compare runs.csv --arm variant --seed seed --metric rmse --better lower --base full
    """
    if (table is None) == (mlflow is None):
        raise typer.BadParameter(
            "name either a table, or an experiment with --mlflow URI EXPERIMENT", param_hint="'TABLE'"
        )
    if not metric:
        raise typer.BadParameter("name the column of the values", param_hint="'--metric'")
    from reports.metric import Metric
    from reports.statistics.summary import Ablation

    from ..python.comparing import compare_results

    guessed = better or _guessed(metric)
    result = compare_results(
        str(mlflow[1]) if mlflow else Path(str(table)),
        metric=Metric(metric, guessed, unit, scale), arm=arm, seed=seed, task=task, base=base,
        margin=margin, pairing=pairing, mlflow=mlflow[0] if mlflow else None, where=where,
    )  # fmt: skip
    found = result.summary
    assert isinstance(found, Ablation)
    status = _status(found, exit_verdict)
    page = result.report(out) if out else None
    if as_json:
        _print_json(result, found, page)
    else:
        _print(result, found, page)
    raise typer.Exit(status)


def _guessed(metric: str) -> Better:
    """Return what the metric's name says is better. Raises typer.BadParameter if it does not tell."""
    from reports.metric import better_by_name

    try:
        return better_by_name(metric)
    except InputError:
        raise typer.BadParameter(
            f'the name "{metric}" does not tell whether higher or lower is better; write --better higher or --better'
            " lower",
            param_hint="'--better'",
        ) from None


def _status(found: Ablation, arm: str | None) -> int:
    """Return the exit status of `--exit-verdict`. Raises typer.BadParameter for an arm without a comparison."""
    from reports.tables.objects import first_verdicts

    if arm is None:
        return 0
    verdicts = first_verdicts(found)
    if arm not in verdicts:
        raise typer.BadParameter(
            f"{arm} is not compared with a base; choose one of: {', '.join(verdicts)}", param_hint="'--exit-verdict'"
        )
    return VERDICT_STATUS[verdicts[arm]]


def _print_json(result: Result, found: Ablation, page: Path | None) -> None:
    from reports.tables.objects import ablation_object

    from ..json_output import print_json

    report = None if page is None else str(page)
    print_json(
        "compare",
        {"source": result.info.source, "report": report, "notes": result.info.notes, **ablation_object(found)},
    )


def _print(result: Result, found: Ablation, page: Path | None) -> None:
    from reports.sentences.headline import arm_sentences

    from .outcome import print_ablation

    console, sentences = make_console(), arm_sentences(found)
    print_notes(console, result.info.notes)
    print_ablation(found, result.info, console)
    for comparison in found.comparisons:
        line = f"{comparison.arm} against {comparison.base}: {comparison.finding}"
        if not any(sentence.startswith(line) for sentence in sentences):
            say(console, f"{line}.")
    say(console, f"\nReport: {page}" if page else "For a report with all numbers and figures, add --out FOLDER.")
