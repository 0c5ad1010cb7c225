"""Memory that is kept between iterations, and given back between trainings."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
import torch

from tests.toy import toy_config
from trainers.errors import TooLarge
from trainers.memory import is_out_of_memory
from trainers.models.conv4 import Conv4

GLIBC = platform.libc_ver()[0] == "glibc"
FAULTS = """
import resource
from benchmarks.setting import Setting
from trainers.memory import give_back_memory, keep_freed_memory

{keep}
run = Setting(filters=16, tasks=4, steps=3).start()
tasks = run.streams["train"].batch((0, task) for task in range(4))
for _ in range(3):
    run.iterate(0, tasks)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    run.iterate(0, tasks)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
give_back_memory()
"""


def page_faults(keep: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(keep=keep)], check=True, capture_output=True, text=True, timeout=120
    )
    return int(done.stdout)


@pytest.mark.skipif(not GLIBC, reason="another C library than glibc: nothing is changed")
@pytest.mark.slow
def test_what_is_freed_is_used_again_without_asking_the_system() -> None:
    assert page_faults("") > 3000
    assert page_faults("assert keep_freed_memory()") < 1500  # 0 to 700 in practice: the heap still grows a little


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (torch.AcceleratorError("CUDA error: out of memory"), True),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), False),
        (ValueError("DefaultCPUAllocator"), False),
    ],
)
def test_memory_that_is_used_up_is_told_from_other_errors(error: Exception, is_memory: bool) -> None:
    assert is_out_of_memory(error) == is_memory


@pytest.mark.parametrize(("filters", "size"), [(10**8, "720,000,"), (10**20, "720,000,000,000,")])
def test_a_model_that_no_memory_holds_is_said_with_its_size(filters: int, size: str) -> None:
    network = Conv4(toy_config(model={"filters": filters, "blocks": 2}), channels=1, size=28)
    with pytest.raises(
        TooLarge, match=rf"model\.filters = {filters}: .* with 2 blocks they take {size}.* bytes"
    ) as told:
        network.initial_adapted(0)
    assert is_out_of_memory(told.value)
