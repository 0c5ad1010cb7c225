from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from trainers.data.arrays import MAPPED, Arrays, cached

ARRAYS: Arrays = {"images": np.arange(6, dtype=np.uint8).reshape(2, 3), "names": np.array(["a", "é"])}


def never() -> Arrays:
    raise AssertionError("made again")


def test_arrays_are_made_once_and_come_back_equal(tmp_path: Path) -> None:
    cached(tmp_path / "sub" / "x.npz", lambda: ARRAYS)
    again = cached(tmp_path / "sub" / "x.npz", never)
    assert again["images"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert again["names"].tolist() == ["a", "é"]


def test_a_large_array_is_mapped_and_what_is_written_into_it_stays_here(tmp_path: Path) -> None:
    path, large = tmp_path / "x.npz", np.arange(MAPPED, dtype=np.uint16).reshape(2, -1)
    first = cached(path, lambda: {"small": np.arange(3), "large": large, "turned": np.asfortranarray(large)})
    assert type(first["large"]) is np.ndarray  # this process has made it
    content = path.read_bytes()
    mapped = cached(path, never)
    assert [type(mapped[name]) for name in ("small", "large", "turned")] == [np.ndarray, np.memmap, np.memmap]
    assert all(np.array_equal(mapped[name], first[name]) for name in first)
    torch.from_numpy(mapped["large"].view(np.int16))[0, 0] = 7
    assert mapped["large"][0, 0] == 7
    assert path.read_bytes() == content
    path.unlink()  # as another process would replace it
    assert np.array_equal(mapped["large"][1], large[1])


@pytest.mark.parametrize("at", [0, 70, -1])
def test_a_file_with_one_wrong_byte_is_made_again(tmp_path: Path, at: int) -> None:
    path = tmp_path / "x.npz"
    cached(path, lambda: ARRAYS)
    good = path.read_bytes()
    spoiled = bytearray(good)
    spoiled[at] ^= 1
    path.write_bytes(spoiled)
    assert cached(path, lambda: ARRAYS)["images"].sum() == 15
    assert path.read_bytes() == good


@pytest.mark.parametrize("content", [b"", b"short", b"\0" * 64])
def test_a_cut_file_is_made_again(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    cached(path, lambda: ARRAYS)
    assert cached(path, never)["images"].sum() == 15


def test_a_failure_leaves_no_file_and_the_next_try_works(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(AssertionError):
        cached(path, never)
    assert not path.exists()
    assert cached(path, lambda: ARRAYS)["images"].sum() == 15


def test_objects_that_need_unpickling_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        cached(tmp_path / "x.npz", lambda: {"x": np.array([{}], dtype=object)})
    assert not list(tmp_path.glob("*.npz"))
    assert not list(tmp_path.glob("*.tmp"))


def test_where_no_file_can_be_written_the_arrays_are_just_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert cached(tmp_path / "file" / "x.npz", lambda: ARRAYS)["images"].sum() == 15


def _slowly(folder: Path) -> Arrays:
    (folder / f"made-{time.time_ns()}").touch()
    time.sleep(0.3)
    return ARRAYS


def _ask(folder: Path) -> None:
    cached(folder / "x.npz", lambda: _slowly(folder))


@pytest.mark.slow
def test_of_three_processes_at_once_one_makes_the_file(tmp_path: Path) -> None:
    processes = [multiprocessing.get_context("spawn").Process(target=_ask, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(list(tmp_path.glob("made-*"))) == 1
