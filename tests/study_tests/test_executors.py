"""What the driver may count on, wherever workers live: one contract, for processes of this machine and for Ray's
actors.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from study.spec.parsing import parse_spec
from study.spec.sections import ExecutionSection
from study.stores.home import Home
from study.workers import worker as worker_module
from study.workers.executors import Executor, LocalExecutor, RayExecutor, make_executor
from study.workers.executors.local import WorkersError, local_executor
from study.workers.executors.placement import gpus_for, sharing_notes, slots_for
from study.workers.executors.ray import ray_executor
from study.workers.jobs import Answer, Busy, Ended, EpochDone, Finished, Job, Lost, Started, Stopped
from trainers.checkpoint import CheckpointFolder

from ..processes import PATIENCE_SECONDS
from .drivers import start, wait_for_new_epochs
from .ray_cluster import add_node, kill_second_node, two_nodes
from .store_rows import ablation, check_stores, fresh_home, run
from .test_worker import job

RUN = [Started, EpochDone, EpochDone, EpochDone, Finished]
PATIENCE = PATIENCE_SECONDS

Make = Callable[[int], Any]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    pytest.importorskip("ray", reason='pip install "mamlab[ray]"')
    with two_nodes() as nodes:
        yield nodes


@pytest.fixture(scope="class", params=["local", pytest.param("ray", marks=pytest.mark.slow)])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "ray":
        request.getfixturevalue("cluster")
    return str(request.param)


def made(kind: str, slots: int, home: Path) -> Executor:
    """Return an executor; of Ray's, four workers have room in the cluster."""
    return LocalExecutor(slots, 1, home / "logs") if kind == "local" else RayExecutor(slots, 1, Home(home), cpus=0.5)


@pytest.fixture(scope="class")
def executor(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    """An executor with one slot, which has to serve one test after the other, whatever became of its worker."""
    one = made(kind, 1, tmp_path_factory.mktemp("home"))
    yield one
    one.close()


@pytest.fixture
def make(kind: str, tmp_path: Path) -> Iterator[Make]:
    """A function that returns an executor with so many slots of its own; it is closed at the end."""
    own: list[Executor] = []

    def one(slots: int) -> Executor:
        own.append(made(kind, slots, tmp_path))
        return own[-1]

    yield one
    for executor in own:
        executor.close()


def submit(executor: Any, *jobs: Job) -> None:
    """Submit `jobs` when so many workers are free."""
    deadline = time.monotonic() + PATIENCE
    while executor.free < len(jobs):
        assert executor.wait(0.5) == []
        assert time.monotonic() < deadline, "no worker came to life"
    for one in jobs:
        executor.submit(one)


def collect(executor: Any, keys: set[str], answer: Answer = "go", until: type = object) -> dict[str, list[Any]]:
    """Return each job's events: those up to the last, or up to the first of type `until`."""
    last = {"go": (Finished, Ended, Busy, Lost), "leave": (Stopped,), "prune": (Stopped,)}[answer]
    seen: dict[str, list[Any]] = {key: [] for key in keys}
    open_, deadline = set(keys), time.monotonic() + PATIENCE
    while open_:
        assert time.monotonic() < deadline, seen
        for key, event in executor.wait(0.5):
            seen[key].append(event)
            if isinstance(event, (*last, until) if until is not object else last):
                open_.discard(key)
            elif isinstance(event, EpochDone):
                executor.answer(key, answer)
    return seen


def kinds(events: list[Any]) -> list[type]:
    return [type(event) for event in events]


class TestExecutor:
    """The contract of `study.workers.executors.Executor`."""

    def test_a_worker_does_job_after_job_in_one_process(self, executor: Any, tmp_path: Path) -> None:
        pids = set[int]()
        for key in ("0/1", "1/1"):
            submit(executor, job(tmp_path / key.replace("/", "-"), key))
            assert executor.free == 0
            pids |= {executor.pids[key]}
            assert kinds(collect(executor, {key})[key]) == RUN
            assert executor.free == 1
        assert len(pids) == 1

    def test_two_jobs_are_done_side_by_side_each_with_its_own_answers(self, make: Make, tmp_path: Path) -> None:
        executor = make(2)
        jobs = [job(tmp_path / "a", "0/1"), replace(job(tmp_path / "b", "1/1"), seed=2)]
        submit(executor, *jobs)
        assert executor.free == 0
        assert len(set(executor.pids.values())) == 2
        seen = collect(executor, {"0/1", "1/1"})
        assert [kinds(events) for events in seen.values()] == [RUN, RUN]
        first, second = ([event.result.val_accuracy for event in seen[key][1:4]] for key in ("0/1", "1/1"))
        assert first != second
        assert executor.free == 2

    def test_a_killed_worker_is_lost_with_its_last_words_and_the_next_goes_on(
        self, executor: Any, tmp_path: Path
    ) -> None:
        dying = job(tmp_path, outer={"beta1": 0.85})  # SIGKILL in epoch 2, the first time
        submit(executor, dying)
        first = collect(executor, {"0/1"})["0/1"]
        assert kinds(first) == [Started, EpochDone, Lost]
        assert "the stand-in's last words" in first[-1].message
        submit(executor, replace(dying, token="another"))
        again = collect(executor, {"0/1"})["0/1"]
        assert kinds(again) == RUN
        assert again[1] == first[1]

    def test_a_worker_that_dies_while_it_waits_for_an_answer_is_lost(self, executor: Any, tmp_path: Path) -> None:
        submit(executor, job(tmp_path))
        collect(executor, {"0/1"}, until=EpochDone)
        os.kill(executor.pids["0/1"], signal.SIGKILL)
        executor.answer("0/1", "go")
        assert kinds(collect(executor, {"0/1"})["0/1"])[-1] is Lost

    @pytest.mark.parametrize("answer", ["leave", "prune"])
    def test_a_worker_told_to_stop_is_free_and_gives_the_cell_back(
        self, executor: Any, tmp_path: Path, answer: Answer
    ) -> None:
        submit(executor, job(tmp_path))
        assert kinds(collect(executor, {"0/1"}, answer)["0/1"]) == [Started, EpochDone, Stopped]
        assert executor.free == 1
        assert (CheckpointFolder(tmp_path / "cell").load() is not None) == (answer == "leave")
        take(tmp_path / "cell")

    def test_a_training_that_fails_says_why_and_its_worker_goes_on(self, executor: Any, tmp_path: Path) -> None:
        for key, beta1, state in (("0/1", 0.81, "diverged"), ("1/1", 0.82, "out_of_memory"), ("2/1", 0.83, "failed")):
            submit(executor, job(tmp_path / state, key, outer={"beta1": beta1}))
            last = collect(executor, {key})[key][-1]
            assert isinstance(last, Ended)
            assert last.state == state

    def test_a_cell_in_other_hands_is_busy(self, executor: Any, tmp_path: Path) -> None:
        holder = CheckpointFolder(tmp_path / "cell", "another")
        holder.acquire()
        submit(executor, job(tmp_path))
        assert kinds(collect(executor, {"0/1"})["0/1"]) == [Busy]
        holder.release()
        submit(executor, job(tmp_path))
        assert kinds(collect(executor, {"0/1"})["0/1"]) == RUN

    def test_closing_ends_a_worker_in_the_midst_of_an_epoch_and_frees_its_cell(
        self, make: Make, tmp_path: Path
    ) -> None:
        executor = make(1)
        submit(executor, job(tmp_path, outer={"beta1": 0.87}))
        collect(executor, {"0/1"}, until=EpochDone)
        executor.answer("0/1", "go")  # epoch 2 does not end
        pid = executor.pids["0/1"]
        executor.close(grace=0.2)
        take(tmp_path / "cell")
        wait_until(lambda: not Path(f"/proc/{pid}").exists())

    def test_a_worker_that_hangs_can_be_killed_and_is_lost(self, executor: Any, tmp_path: Path) -> None:
        submit(executor, job(tmp_path, outer={"beta1": 0.87}))
        collect(executor, {"0/1"}, until=EpochDone)
        executor.answer("0/1", "go")  # epoch 2 does not end
        assert executor.wait(0.2) == []
        executor.kill("0/1")
        assert kinds(collect(executor, {"0/1"})["0/1"]) == [Lost]
        take(tmp_path / "cell")

    def test_waiting_for_nobody_takes_the_time_it_is_given(self, make: Make) -> None:
        executor = make(1)
        collect(executor, set())
        before = time.monotonic()
        while not executor.free:
            executor.wait(0.1)
        assert executor.wait(0.2) == []
        assert time.monotonic() - before >= 0.2

    def test_workers_that_die_at_their_start_are_an_error_that_says_why(
        self, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "logs").write_text("a file where the folder of logs should be")
        with pytest.raises((WorkersError, OSError), match="logs"):  # noqa: PT012
            executor = make(1)
            for _ in range(3):
                submit(executor, job(tmp_path))


def take(cell: Path) -> None:
    """Take the lock of a cell; its last holder may still be on its way out."""
    folder = CheckpointFolder(cell, "the next")

    def taken() -> bool:
        try:
            folder.acquire()
        except Exception:
            return False
        return True

    wait_until(taken)
    folder.release()


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_run_larger_than_every_node_is_refused_with_what_there_is(cluster: Any, tmp_path: Path) -> None:
    section = ExecutionSection(executor="ray", workers=1, cpus_per_run=0.5, gpus_per_run=0.25)
    with pytest.raises(
        WorkersError,
        match=r"cpus_per_run = 0.5, gpus_per_run = 0.25: no node .* \(most on one node: 1 CPUs, 0 GPUs\)",
    ):
        make_executor(section, Home(tmp_path), "study")


@pytest.mark.slow
def test_auto_is_as_many_workers_as_the_cluster_has_room_for(cluster: Any, tmp_path: Path) -> None:
    for cpus, slots in ((None, 2), (0.5, 4), (0.4, 4)):
        workers = make_executor(ExecutionSection(executor="ray", cpus_per_run=cpus), Home(tmp_path), "study")
        assert workers.slots == slots
        workers.close()


@pytest.mark.slow
def test_a_study_goes_on_when_a_ray_node_dies_with_a_run_on_it(cluster: Any, tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=3, workers=2)
    workers = ray_executor(ExecutionSection(executor="ray", workers=2), home)
    killed: list[float] = []

    def kill(progress: Any) -> None:
        if len(progress.running) == 2 and all(row.epoch for row in progress.running) and not killed:
            killed.append(time.monotonic())
            kill_second_node(cluster)

    last = run(config, home, kill, workers)
    workers.close()
    add_node(cluster)
    assert killed
    assert any("Ray actor" in message for message in last.messages)
    assert last.counts == {"complete": 6}
    assert check_stores(home, config, 6) == {"complete": 6}


def test_ray_that_is_not_installed_is_an_error_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WorkersError, match=r'pip install "mamlab\[ray\]", or write executor = "local"'):
        make_executor(ExecutionSection(executor="ray"), Home(tmp_path), "study")


@pytest.mark.slow
@pytest.mark.parametrize("end", [None, signal.SIGTERM, signal.SIGKILL])
def test_without_an_address_a_ray_of_its_own_starts_on_127_0_0_1_and_ends_with_the_driver(
    tmp_path: Path, end: signal.Signals | None
) -> None:
    pytest.importorskip("ray", reason='pip install "mamlab[ray]"')
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1)
    text = config.spec_text.replace("workers = 2", 'workers = 2\nexecutor = "ray"\ncpus_per_run = 0.5')
    driver = start(parse_spec(text), home, seconds=1.0)
    wait_for_new_epochs(home, 1, driver)
    processes = descendants(driver.pid)
    assert {address.partition(":")[0] for address in listening(processes)} == {"127.0.0.1"}
    if end:
        driver.send_signal(end)
    _, errors = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == {None: 0, signal.SIGTERM: 3, signal.SIGKILL: -9}[end], errors.decode()
    assert run(config, home).finished
    assert check_stores(home, config, 2) == {"complete": 2}
    wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in processes))


def descendants(pid: int) -> list[int]:
    """Return the processes that `pid` started, and those that they started."""
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def listening(processes: list[int]) -> list[str]:
    """Return the addresses at which `processes` can be reached, as host:port."""
    import psutil

    found = [c.laddr for c in psutil.net_connections("inet") if c.status == "LISTEN" and c.pid in processes]
    return [f"{address.ip.removeprefix('::ffff:')}:{address.port}" for address in found]


@pytest.mark.parametrize(
    ("section", "gpus", "cores", "slots"),
    [
        ({}, 0, 8, 8),
        ({"threads": 3}, 0, 8, 2),
        ({"threads": 4}, 0, 2, 1),
        ({}, 2, 8, 2),
        ({"workers_per_gpu": 3}, 2, 8, 6),
        ({"workers_per_gpu": 3}, 0, 8, 8),
        ({"workers": 5}, 2, 8, 5),
    ],
)
def test_auto_is_workers_per_gpu_on_gpus_and_one_for_each_threads_cores_without(
    section: dict[str, Any], gpus: int, cores: int, slots: int
) -> None:
    assert slots_for(ExecutionSection(**section), gpus, cores) == slots


@pytest.mark.parametrize("beside", [{"executor": "ray"}, {"workers": 2}])
def test_workers_per_gpu_is_refused_where_it_has_no_effect(beside: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"workers_per_gpu has no effect: .*; leave it out"):
        ExecutionSection(workers_per_gpu=2, **beside)


@pytest.mark.parametrize(
    ("device", "visible", "gpus"),
    [
        ("auto", None, ("0", "1", "2")),
        ("cuda", None, ("0", "1", "2")),
        ("cuda:1", None, ("1",)),
        ("auto", "5,GPU-ab", ("5", "GPU-ab")),
        ("cuda:1", "5,GPU-ab", ("GPU-ab",)),
        ("cuda:7", None, ()),
        ("cpu", None, ()),
    ],
)
def test_gpus_are_handed_out_among_those_that_the_process_sees(
    device: str, visible: str | None, gpus: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus_for(device) == gpus


def test_several_workers_on_a_gpu_are_told_once_that_they_take_turns_unless_mps_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr("study.workers.executors.local.gpus_for", lambda device: ("0",))
    executor = local_executor(ExecutionSection(workers_per_gpu=3), tmp_path)
    (note,) = executor.notes()
    assert note.startswith("3 workers on one GPU take turns on it, which can be slower than one worker per GPU; ")
    assert executor.notes() == []
    assert "4 workers on 2 GPUs take turns on them" in sharing_notes(4, 2)[0]
    assert sharing_notes(3, 0) == sharing_notes(1, 1) == sharing_notes(2, 2) == ()
    (tmp_path / "control").touch()
    assert sharing_notes(3, 1) == ()


def test_hours_of_a_gpu_are_shared_by_the_workers_on_it(tmp_path: Path) -> None:
    shares = {(4, ("0",)): 0.25, (4, ("0", "1")): 0.5, (1, ("0", "1")): 1.0, (3, ()): 1.0}
    assert {key: LocalExecutor(key[0], 1, tmp_path, key[1]).gpus_per_run for key in shares} == shares


def test_without_a_gpu_none_is_handed_out() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert gpus_for("auto") == gpus_for("cuda") == ()


@pytest.mark.parametrize(("nice", "kept"), [(7, "7"), (0, "before")])
def test_a_worker_gives_its_session_the_niceness_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nice: int, kept: str
) -> None:
    group = tmp_path / "autogroup"
    group.write_text("before")
    monkeypatch.setattr(os, "nice", lambda increment: nice + increment)
    worker_module.keep_niceness(group)
    assert group.read_text() == kept


def test_a_system_without_sessions_that_share_out_processor_time_needs_no_niceness(tmp_path: Path) -> None:
    worker_module.keep_niceness(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
