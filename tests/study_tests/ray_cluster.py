"""Real Ray clusters on this machine, on 127.0.0.1 alone: of two nodes of one CPU, or made by `ray start`."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ..processes import PATIENCE_SECONDS, running

os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # listen on 127.0.0.1 alone; read when Ray is imported
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
NODE = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False, "object_store_memory": 80 * 2**20}


@contextmanager
def two_nodes() -> Iterator[Any]:
    """Yield a `ray.cluster_utils.Cluster` to which this process is connected."""
    import ray
    from ray.cluster_utils import Cluster

    from study.workers.executors.ray_connection import own_signals

    long_enough = {"STAND_IN_SECONDS": os.environ.get("STAND_IN_SECONDS", "0.2")}  # epochs that a node can die in
    with own_signals():
        with patch.dict(os.environ, long_enough):  # nodes hand their environment to the workers
            cluster = Cluster(initialize_head=True, head_node_args=NODE)
        try:
            with patch.dict(os.environ, long_enough):
                add_node(cluster)
            ray.init(address=cluster.address, logging_level=logging.CRITICAL, log_to_driver=False)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


def add_node(cluster: Any) -> Any:
    """Add a node of one CPU and return it."""
    return cluster.add_node(**NODE)


def kill_second_node(cluster: Any) -> None:
    """SIGKILL the raylet of the node that the driver is not connected to, and its workers with it."""
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)


START = ["--node-ip-address=127.0.0.1", "--include-dashboard=false", "--object-store-memory", str(80 * 2**20)]


@contextmanager
def ray_start(folder: Path, *options: str, program: str = "") -> Iterator[str]:
    """Yield the address of a cluster that `ray start --head` made, whose token, if it has one, is in `folder`/.ray.

    `program` is run before Ray's command line is, in its process.
    """
    port = free_port()
    command = [sys.executable, "-c", f"{program}\nfrom ray.scripts.scripts import main; main()", "start", "--block"]
    with ray_process([*command, "--head", f"--port={port}", *START, *options], folder):
        yield f"127.0.0.1:{port}"


@contextmanager
def ray_process(command: list[str], folder: Path) -> Iterator[None]:
    """Run `ray start --block`, with `folder` as the user's own, from its "started" to its end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
    log = folder / f"ray-{len(list(folder.glob('ray-*.log')))}.log"
    with (
        log.open("wb") as out,
        running(command, env=environment | {"HOME": str(folder)}, stdout=out, stderr=out) as node,
    ):
        end = time.monotonic() + PATIENCE_SECONDS
        while "Ray runtime started" not in log.read_text():
            assert node.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        try:
            yield
        finally:
            node.terminate()  # it ends what it started
            with suppress(subprocess.TimeoutExpired):  # `running` does, then
                node.wait(30)


def free_port() -> int:
    """Return a port of 127.0.0.1 at which nothing listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
