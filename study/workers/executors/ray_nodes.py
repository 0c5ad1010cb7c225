"""The nodes of a Ray cluster: how many workers they have room for, and which of them get none."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .local import MAX_FAILED_STARTS, WorkersError


class Nodes:
    """What a study knows of the cluster's nodes.

    Args:
        cpus: CPUs of each worker.
        gpus: GPUs of each worker.

    Raises WorkersError if no node is as large as a worker.
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
        """Workers that the nodes have room for, those that are refused left out."""
        return sum(_fits(node, self._cpus, self._gpus) for id_, node in _living().items() if id_ not in self._refused)

    @property
    def options(self) -> dict[str, Any]:
        """Options of an actor that keep it from the nodes that are refused."""
        if not self._refused:
            return {}
        return {"label_selector": {"ray.io/node-id": f"!in({','.join(self._refused)})"}}

    def accept(self, node: str) -> None:
        """Note that a worker came to life on `node`."""
        self._strikes.pop(node, None)

    def strike(self, node: str) -> bool:
        """Note that a worker died at its start on `node`; True if it is one too many."""
        self._strikes[node] += 1
        return self._strikes[node] >= MAX_FAILED_STARTS

    def refuse(self, node: str, why: str) -> None:
        """Give no more workers to `node`. Raises WorkersError, with every node's reason, if no other is left."""
        if node not in self._refused:
            self._refused[node] = why
            self._notes.append(f"{why}. It gets no runs")
        if not node or not self.room:  # which node it was is not known: it may be any
            raise WorkersError("\n".join(["no node of the Ray cluster can do the work:", *self._refused.values()]))

    def notes(self) -> list[str]:
        """Return what was refused since the last call."""
        told, self._notes = self._notes, []
        return told


def node_of(handle: Any) -> str:
    """Return the id of the node that an actor was given to; empty if that is not known."""
    from ray._private import state

    try:
        node = str(state.actors(handle._actor_id.hex())["Address"]["NodeID"])
    except Exception:  # Ray's own table, which another version may keep otherwise
        return ""
    return "" if set(node) == {"f"} else node  # it had no place yet


def default_gpus() -> float:
    """Return 1 if the cluster has a GPU: a run takes it for itself unless `gpus_per_run` says less."""
    return float(any(node.get("GPU") for node in _living().values()))


def _living() -> dict[str, dict[str, float]]:
    """Return what each living node of the cluster has in all, by its id."""
    import ray

    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def _fits(node: dict[str, float], cpus: float, gpus: float) -> int:
    """Return how many workers `node` has room for."""
    return int(min(node.get(name, 0.0) / wanted for name, wanted in (("CPU", cpus), ("GPU", gpus)) if wanted))


def _too_small(cpus: float, gpus: float) -> str:
    nodes = _living().values()
    largest = {name: max((node.get(name, 0.0) for node in nodes), default=0.0) for name in ("CPU", "GPU")}
    return (
        f"[execution] cpus_per_run = {cpus:g}, gpus_per_run = {gpus:g}: no node of the Ray cluster has room for such a "
        f"run (most on one node: {largest['CPU']:g} CPUs, {largest['GPU']:g} GPUs); ask for less, or add a node"
    )
