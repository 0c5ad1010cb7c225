"""Memory management: freed memory is kept between iterations and released between trainings."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import cache

import torch

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt (malloc.h)."""
LARGEST_KEPT = 32 * 2**20
"""Bytes of the largest block that glibc lets its heap hold: larger ones are mapped, and unmapped when they are
freed.
"""
_OUT_OF_MEMORY = (
    "DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "CUDA error: out of memory",
)  # fmt: skip
"""What torch says where it has no class of its own for the error."""


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, and return whether it can: only with glibc (Linux).

    By default glibc gives large blocks back to the system at once, and each iteration's activations are mapped, and
    cleared page by page, anew. A training then takes the same steps to the same numbers in less time. For good, and for
    the whole process, so a library does not do it by itself: workers, `mamlab plan` and the benchmarks do.
    """
    libc = _glibc()
    if libc is None:
        return False
    return bool(libc.mallopt(_MMAP_THRESHOLD, LARGEST_KEPT) and libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1))


def give_back_memory() -> None:
    """Release freed memory to the system and to other processes on the GPU."""
    if libc := _glibc():
        libc.malloc_trim(0)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that the memory of this machine, or of its GPU, is used up."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


def physical_memory() -> int:
    """Return the bytes of this machine's memory; where the system does not tell, the largest number of an array's."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return sys.maxsize


@cache
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
