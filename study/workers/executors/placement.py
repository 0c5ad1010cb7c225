"""Placement of local workers: how many run in parallel, and on which GPUs."""

from __future__ import annotations

import os
from pathlib import Path

from ...spec.sections import ExecutionSection


def gpus_for(device: str) -> tuple[str, ...]:
    """Return the GPUs, as named by CUDA_VISIBLE_DEVICES, that trainings on `device` may use; empty: none.

    "auto" and "cuda" use all that this process sees, one per training; "cuda:1" only that one.
    """
    import torch

    if device == "cpu" or not torch.cuda.is_available():
        return ()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    seen = visible.split(",") if visible else [str(number) for number in range(torch.cuda.device_count())]
    _, colon, index = device.partition(":")
    return tuple(seen[int(index) : int(index) + 1] if colon else seen)


def slots_for(section: ExecutionSection, gpus: int, cores: int) -> int:
    """Return the number of workers; "auto" is `workers_per_gpu` per GPU, or without a GPU one per `threads` cores."""
    if section.workers != "auto":
        return section.workers
    return gpus * section.workers_per_gpu or max(1, cores // section.threads)


def cores_here() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def sharing_notes(workers: int, gpus: int) -> tuple[str, ...]:
    """Return a note that several workers on one GPU take turns, unless NVIDIA's Multi-Process Service (MPS) runs."""
    pipes = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or "/tmp/nvidia-mps")
    if not 0 < gpus < workers or (pipes / "control").exists():
        return ()
    where = "one GPU take turns on it" if gpus == 1 else f"{gpus} GPUs take turns on them"
    return (
        f"{workers} workers on {where}, which can be slower than one worker per GPU; NVIDIA's MPS lets them run at"
        " once: `nvidia-cuda-mps-control -d` before the study (docs/gpu.md)",
    )
