"""The nodes of a Ray cluster: how many workers fit on them, and which are excluded."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .local import MAX_FAILED_STARTS, WorkersError


class Nodes:
    """The nodes of the cluster, as a study sees them.

    Args:
        cpus: CPUs of each worker.
        gpus: GPUs of each worker.

    Raises WorkersError if no node is large enough for a worker.
    """

    def __init__(self, cpus: float, gpus: float) -> None:
        self._cpus, self._gpus = cpus, gpus
        self._refused: dict[str, str] = {}
        self._strikes: Counter[str] = Counter()
        self._notes: list[str] = []
        if not self.room:
            raise WorkersError(_too_small(cpus, gpus))

    @property
    def room(self) -> int:
        """How many workers fit on the nodes that are not excluded."""
        return sum(
            _fits(node, self._cpus, self._gpus) for id_, node in _alive_nodes().items() if id_ not in self._refused
        )

    @property
    def options(self) -> dict[str, Any]:
        """Actor options that avoid the excluded nodes."""
        if not self._refused:
            return {}
        return {"label_selector": {"ray.io/node-id": f"!in({','.join(self._refused)})"}}

    def accept(self, node: str) -> None:
        """Note that a worker started on `node`."""
        self._strikes.pop(node, None)

    def strike(self, node: str) -> bool:
        """Note that a worker died while starting on `node`; True if that makes too many in a row."""
        self._strikes[node] += 1
        return self._strikes[node] >= MAX_FAILED_STARTS

    def refuse(self, node: str, why: str) -> None:
        """Exclude `node`. Raises WorkersError, with every node's reason, if no other is left."""
        if node not in self._refused:
            self._refused[node] = why
            self._notes.append(f"{why}. It gets no runs")
        if not node or not self.room:  # an unknown node may be any of them
            raise WorkersError("\n".join(["no node of the Ray cluster can run workers:", *self._refused.values()]))

    def notes(self) -> list[str]:
        """Return notes on nodes excluded since the last call."""
        notes, self._notes = self._notes, []
        return notes


def node_of(handle: Any) -> str:
    """Return the id of an actor's node; empty if unknown."""
    from ray._private import state

    try:
        node = str(state.actors(handle._actor_id.hex())["Address"]["NodeID"])
    except Exception:  # a private table of Ray, which another version may store differently
        return ""
    return "" if set(node) == {"f"} else node  # not placed yet


def default_gpus() -> float:
    """Return 1 if the cluster has a GPU: by default each run reserves a whole one."""
    return float(any(node.get("GPU") for node in _alive_nodes().values()))


def _alive_nodes() -> dict[str, dict[str, float]]:
    """Return the total resources of each node that is alive, by node id."""
    import ray

    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def _fits(node: dict[str, float], cpus: float, gpus: float) -> int:
    """Return how many workers fit on `node`."""
    return int(min(node.get(name, 0.0) / wanted for name, wanted in (("CPU", cpus), ("GPU", gpus)) if wanted))


def _too_small(cpus: float, gpus: float) -> str:
    nodes = _alive_nodes().values()
    largest = {name: max((node.get(name, 0.0) for node in nodes), default=0.0) for name in ("CPU", "GPU")}
    return (
        f"[execution] cpus_per_run = {cpus:g}, gpus_per_run = {gpus:g}: no node of the Ray cluster has room for such a "
        f"run (most on one node: {largest['CPU']:g} CPUs, {largest['GPU']:g} GPUs); lower these, or add a node"
    )
