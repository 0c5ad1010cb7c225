from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import TypeAdapter

from reports.figures.mechanism import rates_picture
from study.spec.trained_by import trained_by_method
from study.workers.artifacts import schedules
from study.workers.executors import LocalExecutor
from study.workers.executors.local import WorkersError, last_lines
from study.workers.jobs import Answer, Busy, Ended, EpochDone, Finished, Job, Lost, Started, Stopped
from study.workers.worker import load_data, run_job
from trainers.checkpoint import CheckpointFolder
from trainers.config import TrainerConfig
from trainers.data import CifarFS, DataConfig, Glyphs, ImageFolder, Omniglot
from trainers.find_method import find_method

from .slope_method import Config
from .stand_in import load

HERE = "tests.study_tests.stand_in"


def job(folder: Path, key: str = "0/1", **settings: Any) -> Job:
    tree = {"budget": {"epochs": 3, "iterations": 1}, **settings}
    return Job(
        key=key, label="a run", config=TrainerConfig.model_validate(tree).model_dump_json(), seed=1,
        data=Glyphs().model_dump_json(), data_folder=folder, checkpoint=folder / "cell", token="token",
        data_checksum=load(Glyphs(), folder).checksum,
        trainer=f"{HERE}:train", loader=f"{HERE}:load",
    )  # fmt: skip


def events(one: Job, answer: Answer = "go") -> list[Any]:
    stream = run_job(one)
    seen: list[Any] = [next(stream)]
    try:
        while True:
            seen.append(stream.send(answer))
    except StopIteration:
        return seen


def test_three_epochs_come_between_start_and_end(tmp_path: Path) -> None:
    started, *epochs, finished = events(job(tmp_path))
    assert started == Started(reused=False, device="cpu")
    assert [event.result.epoch for event in epochs] == [1, 2, 3]
    assert isinstance(finished, Finished)
    assert set(finished.files) == {
        "config.json",
        "per_task.json",
        "schedules.json",
        "inner_rates.json",
        "inner_rates.svg",
    }


def test_a_pruned_cell_keeps_no_checkpoint_and_one_left_goes_on_from_it(tmp_path: Path) -> None:
    left = events(job(tmp_path), "leave")
    assert left[-1] == Stopped()
    assert CheckpointFolder(tmp_path / "cell").load() is not None
    resumed = events(job(tmp_path), "prune")
    assert resumed[1] == left[1]
    assert resumed[2] == Stopped()
    assert CheckpointFolder(tmp_path / "cell").load() is None


def test_a_trained_cell_sends_the_same_events_again_and_survives_pruning(tmp_path: Path) -> None:
    first, again = events(job(tmp_path)), events(job(tmp_path))
    assert again[0] == Started(reused=True, device="cpu")
    assert again[1:] == first[1:]
    events(job(tmp_path), "prune")
    assert CheckpointFolder(tmp_path / "cell").finished


def test_a_trained_cell_whose_file_is_damaged_is_trained_again_and_says_so(tmp_path: Path) -> None:
    first = events(job(tmp_path))
    final = tmp_path / "cell" / "final.ckpt"
    final.write_bytes(final.read_bytes()[:-1])
    with pytest.warns(RuntimeWarning, match="final.ckpt is damaged and was skipped"):
        again = events(job(tmp_path))
    assert again[0] == Started(reused=False, device="cpu")
    assert [event.result.val_accuracy for event in again[1:4]] == [event.result.val_accuracy for event in first[1:4]]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [("best", ["final.ckpt"]), ("all", [f"epoch-00000{i}.ckpt" for i in (1, 2, 3)] + ["final.ckpt"]), ("none", [])],
)
def test_a_complete_run_keeps_the_checkpoints_that_it_is_told_to(tmp_path: Path, keep: Any, kept: list[str]) -> None:
    assert isinstance(events(replace(job(tmp_path), keep=keep))[-1], Finished)
    assert sorted(file.name for file in (tmp_path / "cell").glob("*.ckpt")) == kept


def test_a_cell_in_other_hands_is_busy(tmp_path: Path) -> None:
    holder = CheckpointFolder(tmp_path / "cell", "another")
    holder.acquire()
    (busy,) = events(job(tmp_path))
    assert isinstance(busy, Busy)
    assert busy.holder.startswith(f"host {socket.gethostname()}, process {os.getpid()}, since 20")
    holder.release()
    assert len(events(job(tmp_path))) == 5


def test_divergence_memory_and_faults_are_told_apart(tmp_path: Path) -> None:
    def end(beta1: float) -> Ended:
        last = events(job(tmp_path / str(beta1), outer={"beta1": beta1}))[-1]
        assert isinstance(last, Ended)
        return last

    assert end(0.81).state == "diverged"
    assert end(0.82).state == "out_of_memory"
    assert end(0.83).state == "failed"
    assert "test_worker" not in end(0.83).message
    assert "in _obey" in end(0.83).message


@pytest.mark.parametrize(
    "data", [Glyphs(), Omniglot(rotations="classes"), CifarFS(), ImageFolder(path=Path("~/pictures"))]
)
def test_every_data_set_reaches_a_worker_as_it_was_described(data: DataConfig) -> None:
    assert TypeAdapter[DataConfig](DataConfig).validate_json(data.model_dump_json()) == data


def test_data_is_loaded_once(tmp_path: Path) -> None:
    arguments = ("", f"{HERE}:load", Glyphs().model_dump_json(), tmp_path)
    assert load_data(*arguments) is load_data(*arguments)


def test_a_process_does_job_after_job_and_workers_that_never_start_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = LocalExecutor(1, 1, tmp_path / "logs")
    seen: list[Any] = []
    for key in ("0/1", "1/1"):
        executor.submit(job(tmp_path / key.replace("/", "-"), key))
        assert executor.free == 0
        pid = executor.pids[key]
        while executor.free == 0:
            for name, event in executor.wait(1.0):
                seen.append((name, type(event)))
                if isinstance(event, EpochDone):
                    executor.answer(name, "go")
    executor.close()
    assert seen == [(key, kind) for key in ("0/1", "1/1") for kind in (Started, *[EpochDone] * 3, Finished)]
    assert not Path(f"/proc/{pid}").exists()
    assert "a run (seed 1)" in last_lines(tmp_path / "logs" / "worker-0.log")
    monkeypatch.setattr("sys.executable", "/bin/false")
    for _ in range(2):
        executor.submit(job(tmp_path))
        assert [type(event) for _, event in executor.wait(5.0)] == [Lost]
    executor.submit(job(tmp_path))
    with pytest.raises(WorkersError, match="3 workers in a row died while starting"):
        executor.wait(5.0)


def test_the_picture_of_rates_has_each_number_in_its_place_for_a_weight_with_one_rate_too() -> None:
    picture = ElementTree.fromstring(rates_picture({"conv0.weight": [0.1, -0.2], "conv0<bias>": [0.05]}))
    texts = [node.text for node in picture.iter() if node.tag.endswith("text")]
    assert texts == [
        "1",
        "2",
        "inner step",
        "conv0.weight",
        "conv0<bias>",
        "0.1",
        "-0.2",
        "0.05",
        "0.05",
        "Inner learning rates at the best epoch",
    ]


def test_schedules_are_lists_over_the_epochs() -> None:
    config = TrainerConfig.model_validate(
        {
            "inner": {"steps": 2},
            "budget": {"epochs": 3},
            "msl": {"schedule": "linear", "epochs": 2},
            "da": {"first_order_epochs": 1},
        }
    )
    assert schedules(config) == {
        "msl_weight/step 1": [0.5, 0.25, 0.0],  # 1/2, then half of it is annealed, then over
        "msl_weight/step 2": [0.5, 0.75, 1.0],
        "second_order": [0.0, 1.0, 1.0],
    }


def test_a_method_whose_source_has_changed_since_the_start_trains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "slope_that_changes.py"
    module.write_text("from tests.study_tests.slope_method import METHOD\n")
    monkeypatch.syspath_prepend(tmp_path)
    address = "slope_that_changes:METHOD"
    source = trained_by_method(find_method(address))
    own = replace(
        job(tmp_path), config=Config().model_dump_json(), data='{"source": "method"}', data_checksum="hill-8.0",
        method=address, trainer="", loader="",
    )  # fmt: skip
    assert isinstance(events(replace(own, trained_by=source))[-1], Finished)
    (ended,) = events(replace(own, trained_by=source.replace("SHA-256 of its module: ", "SHA-256 of its module: 0")))
    assert isinstance(ended, Ended)
    assert ended.for_good
    assert "slope_that_changes:METHOD: its source has changed since the study was started" in ended.message
