"""Memory that is kept between iterations, and given back between trainings."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
import torch

from trainers.memory import is_out_of_memory

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
