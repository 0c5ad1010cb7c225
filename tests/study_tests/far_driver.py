"""A driver of another machine, as a store shows it: its sign of life, by a clock of its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from study.stores.heartbeat import TAG


def far_sign(beat: float, **more: Any) -> str:
    """Return the sign of a driver of host far, process 7, whose clock shows `beat`."""
    said = {"host": "far", "process": 7, "home": "/elsewhere", "since": "noon", "beat": beat}
    return json.dumps(said | {"machine": "another boot", "started": "1", "token": "far"} | more)


@contextmanager
def far_driver(client: Any, parent_id: str, clock: float = 0.0, **more: Any) -> Iterator[None]:
    """Let such a driver live, and give a sign every 0.3 s; its clock differs from this machine's by `clock` seconds."""
    over = threading.Event()

    def live() -> None:
        while not over.wait(0.3):
            client.set_tag(parent_id, TAG, far_sign(time.time() + clock, **more))

    client.set_tag(parent_id, TAG, far_sign(time.time() + clock, **more))
    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
