"""The estimate of a study's remaining time."""

from study.engine.time_remaining import TimeEstimate


def test_nothing_is_estimated_before_the_first_epoch_or_after_the_last_run() -> None:
    assert TimeEstimate().remaining(left=4, done=0, planned=10, elapsed=5.0) is None
    assert TimeEstimate(epochs=3).remaining(left=0, done=0, planned=10, elapsed=5.0) is None


def test_runs_that_stop_early_are_expected_to_go_on_doing_so() -> None:
    estimate = TimeEstimate(epochs=8, ended=[2, 4])
    assert estimate.remaining(left=5, done=2, planned=10, elapsed=16.0) == (5 * 3 - 2) * 2.0


def test_epochs_of_earlier_starts_count_as_work_and_not_as_speed() -> None:
    resumed = TimeEstimate(epochs=30)  # of one run, that has 70 of its 80
    assert resumed.remaining(left=10, done=70, planned=80, elapsed=60.0) == (800 - 70) * 2.0
    resumed = TimeEstimate(epochs=45, ended=[80])  # it has ended, and the next one has 5
    assert resumed.remaining(left=9, done=5, planned=80, elapsed=90.0) == (720 - 5) * 2.0
