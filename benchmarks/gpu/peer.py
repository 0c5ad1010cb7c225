"""The paper's code on the same tasks and the same card, TF32 off on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from trainers.arithmetic import arithmetic

from ..reference import SYSTEM, Reference
from ..setting import AFTER_MSL, IN_MSL
from .rows import Place, Row
from .settings import sizes, start


def rows(place: Place) -> Iterator[Row]:
    """Yield both times for the first and the largest size."""
    folder = place.luggage / "paper"
    if not (folder / f"{SYSTEM}.py").is_file():
        yield Row("the paper's code", "left out", f"{folder} holds no {SYSTEM}.py")
        return
    for name in [name for name in sizes(place) if "16 tasks" not in name or "20-way" in name][:2]:
        yield from _compare(place, name, folder)


def _compare(place: Place, name: str, folder: Path) -> Iterator[Row]:
    setting = replace(sizes(place)[name], device=place.device)
    run, peer = start(place, setting), Reference(folder, setting)
    tasks = run.tasks_of(0, 0)
    support, query, support_labels, query_labels = peer.batch(tasks)
    batch = support.cpu(), query.cpu(), support_labels.cpu(), query_labels.cpu()  # as its data loader gives them
    with arithmetic(run.config):
        for phase, epoch in (("MSL", IN_MSL), ("after MSL", AFTER_MSL)):
            theirs = place.milliseconds(partial(peer.iterate, batch, epoch), 3, warm_up=2)
            ours = place.milliseconds(partial(run.iterate, epoch, tasks), 7, 5)
            value = f"ours {ours:.2f} ms, theirs {theirs:.1f} ms"
            yield Row(f"against the paper's code, {name}, {phase}", value, f"{ours / theirs:.3f} of its time")
