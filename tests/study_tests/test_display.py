from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from reports.text import duration, measured
from study.display import PlainView, new_lines, open_view, progress_line, render
from study.engine.progress import RunningRow, StudyProgress
from study.text import BAD, COLOURS, GOOD, RUNS, WARNS, ended, short_label

TRIAL_3 = RunningRow("trial 3", epoch=2, epochs=8, value=0.4, best=0.412, seconds=9.0)
TRIAL_4 = RunningRow("trial 4", epoch=8, epochs=8, value=0.7, best=0.715, seconds=30.0)
START = StudyProgress("letters", "search", planned=20, counts={"running": 2, "waiting": 18}, running=(TRIAL_3, TRIAL_4))
LATER = replace(
    START,
    counts={"complete": 10, "pruned": 2, "running": 2, "waiting": 6},
    best_label="trial-007 lr=0.1",
    best_value=0.7125,
    best_params={"inner.steps": 3, "outer.lr": 0.00123456},
    elapsed=130.0,
    remaining=60.0,
)


def console(width: int = 80, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)


def written(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def screen(progress: StudyProgress, width: int) -> list[str]:
    to = console(width, terminal=True)
    to.print(render(progress, width))
    return written(to).splitlines()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (None, "–")],
)
def test_a_duration_is_read_without_arithmetic(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_trials_short_label_keeps_where_its_config_came_from() -> None:
    assert short_label("trial-001 portfolio 2 S=3 lr=0.22 ..", "search") == "trial-001 portfolio 2"
    assert short_label("trial-007 lr=0.1", "search") == "trial-007"
    assert short_label("MAML + MSL / seed 3", "ablation") == "MAML + MSL / seed 3"


def test_accuracies_are_shown_in_percent_with_two_digits() -> None:
    assert [measured(0.71249), measured(1.0), measured(None)] == ["71.25 %", "100.00 %", "–"]


def test_an_interrupted_run_has_not_ended() -> None:
    assert ended({"complete": 3, "pruned": 2, "interrupted": 1, "running": 2}) == 5


def test_a_run_that_ended_has_a_line_of_its_own() -> None:
    after = replace(START, counts={"pruned": 1, "complete": 1}, just_ended=((TRIAL_3, "pruned"), (TRIAL_4, "complete")))
    assert new_lines(after) == [
        "trial 3: pruned, epoch 2 of 8, best validation accuracy 41.20 % (2/20)",
        "trial 4: complete, 8 epochs, best validation accuracy 71.50 % (2/20)",
    ]


def test_runs_with_results_of_an_earlier_training_are_said_to_be_reused_and_counted() -> None:
    again = replace(TRIAL_4, reused=True)
    after = replace(START, counts={"complete": 3}, just_ended=((again, "complete"), (TRIAL_4, "complete")), reused=2)
    assert new_lines(after) == [
        "trial 4: complete, 8 epochs, reused from an earlier training, best validation accuracy 71.50 % (3/20)",
        "trial 4: complete, 8 epochs, best validation accuracy 71.50 % (3/20)",
    ]
    assert "| 3 complete (2 reused) |" in progress_line(after)
    assert "3 complete   (2 reused)" in screen(after, 80)
    assert "reused" not in progress_line(LATER) + "".join(screen(LATER, 80))


def test_a_run_that_ended_before_its_first_epoch_has_no_accuracy() -> None:
    lost = replace(TRIAL_3, epoch=0, value=None, best=None)
    after = replace(START, counts={"failed": 1}, just_ended=((lost, "failed"),))
    assert new_lines(after) == ["trial 3: failed, epoch 0 of 8 (1/20)"]
    after = replace(START, counts={"out_of_memory": 1}, just_ended=((lost, "out_of_memory"),))
    assert new_lines(after) == ["trial 3: out of memory, epoch 0 of 8 (1/20)"]
    assert "1 out of memory" in progress_line(after)


def test_a_notice_is_printed_once() -> None:
    noticed = replace(START, messages=("a worker died",))
    assert new_lines(noticed) == ["a worker died"]
    assert new_lines(noticed, shown=noticed.messages) == []


def test_the_progress_line_says_how_far_how_well_and_how_long() -> None:
    assert progress_line(LATER) == (
        "letters: 12 of 20 runs | 10 complete, 2 pruned, 2 running, 6 waiting | best 71.25 % (trial-007) | "
        "2 min 10 s elapsed | about 1 min left"
    )


def test_a_plain_view_prints_the_progress_every_30_seconds_and_at_the_end() -> None:
    now = [0.0]
    to = console()
    view = PlainView(to, every=30.0, clock=lambda: now[0])
    for now[0] in (0.0, 10.0, 29.0, 30.0, 31.0):
        view(START)
    assert written(to).count("letters: 0 of 20 runs") == 1
    view(replace(START, finished=True))
    assert written(to).count("letters: 0 of 20 runs") == 2


def test_a_plain_line_is_never_broken_by_the_width_nor_coloured() -> None:
    to = console(width=40)
    PlainView(to)(replace(LATER, finished=True))
    assert written(to).splitlines() == [progress_line(LATER)]


def test_a_console_that_is_no_terminal_gets_lines_and_a_quiet_one_nothing() -> None:
    plain, quiet = console(), console(terminal=True)
    with open_view(plain) as view:
        view(replace(LATER, finished=True))
    with open_view(quiet, quiet=True) as view:
        view(LATER)
    assert "12 of 20 runs" in written(plain)
    assert written(quiet) == ""


def test_a_terminal_gets_a_live_table_whose_last_state_stays() -> None:
    to = console(terminal=True)
    with open_view(to) as view:
        view(LATER)
    assert "trial 3" in written(to)
    assert "12 of 20 runs" in written(to)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_live_table_fits_and_shows_every_running_row(width: int) -> None:
    long_name = replace(TRIAL_4, label="MAML++ without LSLR and with everything else, seed 12")
    lines = screen(replace(LATER, running=(TRIAL_3, long_name)), width)
    assert max(len(line) for line in lines) <= width
    text = "\n".join(lines)
    for part in (
        "2/8",
        "8/8",
        "41.20 %",
        "71.50 %",
        "12 of 20 runs",
        "2 pruned",
        "best so far",
        "about 1 min left",
    ):
        assert part in text, part


@pytest.mark.parametrize("width", [80, 200])
def test_arm_and_seed_are_both_seen_whole(width: int) -> None:
    rows = [
        replace(
            TRIAL_4, label=f"MAML++ without LSLR / seed {seed}", arm="MAML++ without LSLR", seed=seed, seconds=725.0
        )
        for seed in (3, 12)
    ]
    text = screen(replace(LATER, kind="ablation", running=tuple(rows)), width)
    assert max(map(len, text)) <= width
    shown = [line.split() for line in text if line.startswith("MAML++")]
    assert "best so far" not in "\n".join(text)
    assert [line[:4] for line in shown] == [["MAML++", "without", "LSLR", "3"], ["MAML++", "without", "LSLR", "12"]]


def luminance(colour: str) -> float:
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", sorted({*COLOURS.values(), GOOD, RUNS, WARNS, BAD} - {"default"}))
def test_a_colour_can_be_read_on_white_and_on_black(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 3.5
    assert (luminance(colour) + 0.05) / 0.05 >= 3.5


def test_progress_is_not_shown_in_red() -> None:
    to = Console(file=io.StringIO(), width=120, force_terminal=True, color_system="truecolor")
    to.print(render(LATER, 120))
    assert "249;38;114" not in written(to), "rich's own colour of a bar is a red"


def test_a_study_that_only_hours_limit_shows_no_share() -> None:
    text = "\n".join(screen(replace(LATER, planned=0), 80))
    assert "12 runs" in text
    assert "of 0" not in text
