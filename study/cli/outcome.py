"""Runs a study and prints its outcome: live view, report, and the best config or the ablation table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports import records as names
from reports.data.mlflow_runs import metric_of
from reports.metric import Metric
from reports.records import ReportError, RunRecord, StudyInfo
from reports.results import Results
from reports.sentences.headline import arm_sentences
from reports.statistics.arms import Excluded, count_reused, count_states
from reports.statistics.comparison import Comparison
from reports.statistics.summary import Ablation, Search
from reports.statistics.tasks import mixed_tasks
from reports.statistics.trial import Trial
from reports.tables.cells import setting, states_text
from reports.tables.family_notes import shared
from reports.tables.held_out import optimism_sentence
from reports.tables.promotion import promoted, promotion_lines
from reports.text import duration, interval, many, measured, value_text

from ..display import open_view
from ..engine.progress import StudyProgress
from ..looks import run_to_decision
from ..python.running import notes_on, prepared
from ..reporting import results_of, write_report
from ..spec.config import StudyConfig
from ..stores.home import Home
from ..stores.outages import StoreLost, StoreUnreachable
from ..text import plain_table, print_notes, say, searched_settings
from .next_step import next_steps

MOST_EXCLUDED = 5
"""Most excluded runs that are listed with their reason."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as in shells."""


def conduct(config: StudyConfig, home: Home, console: Console, quiet: bool = False) -> int:
    """Run the study, write its report, print its result; return the exit status (130 after Ctrl-C, else `finish`'s)."""
    config = prepared(config, home)
    print_notes(console, notes_on(config, home))
    last = StudyProgress(config.study.name, config.kind, planned=0)
    try:
        with open_view(console, quiet) as view:
            last = run_to_decision(config, home, view)
        for note in last.notes:
            say(console, f"note: {note}")
        if not last.interrupted:
            return finish_safely(last, home, console)
    except KeyboardInterrupt:
        pass
    print_stopped(last, console)
    return INTERRUPTED


def print_stopped(last: StudyProgress, console: Console) -> None:
    """Print that the study was stopped, what is saved, and how to resume."""
    if last.away:
        say(console, last.away)
    if last.unsaved:
        say(
            console,
            f"Stopped. Not everything is saved: {last.unsaved}. Run the same command to resume from the checkpoints.",
        )
        return
    kept = " Pending events are written to the stores at the next start." if last.away else ""
    say(console, f"Stopped. Progress is saved. Run the same command to resume.{kept}")


def finish_safely(last: StudyProgress, home: Home, console: Console) -> int:
    """Call `finish`; if only the report cannot be written (such as on a full disk), say so and return 1."""
    try:
        return finish(last, home, console)
    except (OSError, StoreUnreachable, ReportError) as error:
        other = isinstance(error, ReportError) and not isinstance(error.__cause__, OSError)
        if other or isinstance(error, StoreLost):  # then the results may not be safe
            raise
        again = home.command("report", last.study)
        say(console, f"The study's results are saved, but its report could not be written: {error}")
        say(console, f"Fix that, then write the report with: {again}")
        return 1


def finish(last: StudyProgress, home: Home, console: Console) -> int:
    """Write the report of a study, print its result and locations; return the exit status.

    It is 1 if no run is complete, if the study stopped after several runs failed with the same error, or if ended runs
    are missing in MLflow. An exhausted budget is not a failure.
    """
    if last.paused:
        say(console, _pause_lines(last))
    if last.spent:
        say(console, f"The budget is exhausted: {last.spent}. To continue, raise it and run the same command.")
    if not last.counts:
        say(console, "No run has finished.")
        return 0
    found = results_of(last.study, home)
    info, page = found.info, write_report(found, home)
    console.print()
    print_result(found, console)
    for note in info.notes:
        say(console, f"note: {note}")
    say(console, f"\nReport:    {page}\nMLflow UI: {home.command('ui')}")
    if info.missing:
        say(console, f"Incomplete: {info.missing}.")
    for line in next_steps(found, home) if last.finished else ():
        say(console, line)
    return int(
        bool(info.missing or last.paused)
        or (last.finished and not any(one.state == names.COMPLETE for one in found.records))
    )


def _pause_lines(last: StudyProgress) -> str:
    again = "" if last.kind == "train" else ", or add --retry-failed to retry the failed ones too"
    return (
        f"No more runs were started: {last.paused}\n"
        f"Fix the cause, then run the same command to train the remaining runs{again}."
    )


def print_result(found: Results, console: Console) -> None:
    """Print the ablation table, the best configs of a search, or the result of a single training."""
    info, records, summary = found.info, found.records, found.summary
    states = count_states(records)
    _say_reused(console, records)
    if info.kind not in (names.ABLATION, names.SEARCH):
        for record in records:
            say(console, _training_line(record))
    if not states.get(names.COMPLETE):
        say(
            console,
            f"No run is complete ({states_text(states)}), so there is no result. See the report for the reasons.",
        )
    elif isinstance(summary, Search):
        print_search(summary, console)
    elif info.kind == names.ABLATION:
        print_ablation(summary, info, console)


def print_ablation(found: Ablation, info: StudyInfo, console: Console) -> None:
    """Print the table of arms, how its numbers were made, and the sentences of the report's headline."""
    metric = found.metric
    console.print(ablation_table(found))
    same = shared(found.pairing, other_tests=False) if info.source else ""
    unit = {"points": "percentage points"}.get(metric.difference_unit, metric.difference_unit)
    say(
        console,
        f"{metric.heading}: {metric.better} is better. Intervals: 95 %, Student t over seeds"
        f"{' (of means on the logit scale)' * metric.is_share}. Differences: paired by seed{same and f' ({same})'}"
        f"{unit and f', in {unit}'}{_other_level(found)}.",
    )
    _say_left_out(console, found.excluded)
    _say_origin(found, info, console)
    for sentence in (*arm_sentences(found), *found.look_progress.remarks):
        say(console, sentence)


def ablation_table(ablation: Ablation) -> Table:
    """Return a table of arms and bases: n, mean and paired difference, each with its interval."""
    metric = ablation.metric
    numbers = (
        "n",
        metric.with_unit(metric.words),
        "difference",
        "to",
    )
    table = plain_table("arm", *numbers, numbers=numbers)
    for column in table.columns[1:]:
        column.no_wrap = True
    bases = {comparison.base for comparison in ablation.comparisons}
    for arm in ablation.arms:
        mean = f"{value_text(arm.estimate.mean, metric=metric)} {interval(arm.estimate, metric=metric)}"
        for comparison in ablation.against(arm.name) or (None,):
            name = Text(arm.name, style="bold" if arm.name in bases else "")
            counted = f"{arm.estimate.n} ({arm.lost})" if arm.lost else str(arm.estimate.n)
            table.add_row(name, counted, mean, *_difference(comparison, ablation))
    return table


def _difference(comparison: Comparison | None, ablation: Ablation) -> tuple[str, str]:
    if comparison is None:
        return "", ""
    found, metric, across = comparison.estimate, ablation.metric, ablation.across
    base = across.arms[comparison.base][0] if across else comparison.base  # at the arm's own value
    return f"{value_text(found.mean, True, metric)} {interval(found, True, metric)}", base


def print_search(search: Search, console: Console, shown: int = 5) -> None:
    """Print the best trial with its searched settings, and the next best trials."""
    complete = search.complete
    if not complete:
        say(console, "No trial is complete, so there is no best config. See the report for how each trial ended.")
        return
    best = complete[0]
    metric = search.measured
    value = f", validation {metric.words} {_validation(best, metric)}"
    preset = best.records[0].tags.get(names.TAG_PRESET)
    head = ("Best config: ", (f"trial {best.label}{f' ({preset})' if preset else ''}", "bold"), value)
    console.print(Text.assemble(*head), soft_wrap=True)
    for name, value in searched_settings(search.searched, best.records[0].params).items():
        say(console, f"  {name} = {setting(value).text}")
    others = "; ".join(f"trial {trial.label} {_validation(trial, metric)}" for trial in complete[1:shown])
    if others:
        say(console, f"Next best: {others}")
    say(
        console,
        (
            f"Intervals: 95 %, Student t over seeds{' on the logit scale' if metric.is_share else ''}."
            if best.value.n > 1
            else "One seed per trial (n = 1), so no intervals."
        ),
    )
    if mixed := mixed_tasks(search.searched):
        say(console, mixed)
    warning = optimism_sentence(search) or f"The best score of a search is biased {metric.biased}."
    say(console, f"{warning} Retrain the config on fresh seeds before you quote it.")


def _validation(trial: Trial, metric: Metric) -> str:
    """Return a trial's value in the search, and its accuracy on held-out tasks if there is one."""
    held_out = f" ({measured(trial.held_out.mean, metric)} held-out)" if trial.held_out else ""
    return measured(trial.value, metric) + held_out


def _training_line(record: RunRecord) -> Text:
    metrics, message = record.metrics, record.tags.get(names.TAG_MESSAGE, "").partition("\n")[0]
    parts = [f"{record.name}: {record.state.replace('_', ' ')}"]
    if record.state != names.COMPLETE and message:
        parts[0] += f": {message}"
    metric = metric_of(record.tags)
    for title, name in (
        ("validation", metric.best_validation),
        ("test", metric.test),
        ("ensemble", names.ENSEMBLE_TEST_ACCURACY),
    ):
        if name in metrics:
            parts.append(f"{title} {measured(metrics[name], metric)}")
    if names.SECONDS in metrics:
        parts.append(duration(metrics[names.SECONDS]))
    note = " (n = 1, no interval)" if metric.best_validation in metrics else ""
    return Text(", ".join(parts) + note)


def _other_level(found: Ablation) -> str:
    """Return the level of the differences' intervals if it is not 95 %, but that of a look."""
    level = found.look_progress.confidence
    return "" if level == "95" else f"; their intervals have the level of the last look, {level} %"


def _say_reused(console: Console, records: Sequence[RunRecord]) -> None:
    if count := count_reused(records):
        say(
            console,
            f"{count} of {len(records)} runs {'was' if count == 1 else 'were'} trained before (same settings, seed and"
            " data): their results are reused.",
        )


def _say_left_out(console: Console, excluded: Sequence[Excluded]) -> None:
    for one in excluded[:MOST_EXCLUDED]:
        reason = one.reason.partition("\n")[0].rstrip(".")
        say(console, f"Excluded from the means: {one.record.name}: {reason}.")
    if (more := len(excluded) - MOST_EXCLUDED) > 0:
        say(console, f"{many(more, 'more run')} excluded; the report says which and why.")


def _say_origin(found: Ablation, info: StudyInfo, console: Console) -> None:
    """Print the search's scores of promoted trials beside the results on fresh seeds."""
    if info.origin and promoted(found, info.origin):
        for line in promotion_lines(found, info.origin):
            say(console, line)
