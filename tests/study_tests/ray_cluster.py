"""A real Ray cluster of two nodes on this machine: two raylets of one CPU each, on 127.0.0.1, one of which can be killed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # listen on 127.0.0.1 alone; read when Ray is imported
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
NODE = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False, "object_store_memory": 80 * 2**20}


@contextmanager
def two_nodes() -> Iterator[Any]:
    """Yield a `ray.cluster_utils.Cluster` to which this process is connected."""
    import ray
    from ray.cluster_utils import Cluster

    from study.executors.ray import _own_signals

    long_enough = {"STAND_IN_SECONDS": os.environ.get("STAND_IN_SECONDS", "0.2")}  # epochs that a node can die in
    with _own_signals():
        with patch.dict(os.environ, long_enough):  # nodes hand their environment to the workers
            cluster = Cluster(initialize_head=True, head_node_args=NODE)
            add_node(cluster)
        ray.init(address=cluster.address, logging_level=logging.CRITICAL, log_to_driver=False)
        try:
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
