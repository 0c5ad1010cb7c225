"""The meta-step: the loss of a batch of tasks and its gradient with respect to all meta-learned weights.

The meta-loss of a task is sum over steps of v[step] * L_query(theta[step + 1]), where theta[step + 1] = theta[step] -
rate * g and g is the support loss's gradient at theta[step]. Going back through the steps, with a the derivative of
what comes after with respect to theta[step + 1]:

    a += v[step] * dL_query/dtheta                      the step's own query loss
    d/drate = -<a, g>                                   LSLR
    a += d<g, -rate * a>/dtheta                         second order only: the support loss's Hessian times a vector

and likewise for batch norm's weights, which act on both losses but are not adapted. No graph is kept: a step's passes
are.

Shapes: T tasks, S inner steps, W ways, Q queries a class.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.episodes import TaskBatch
from ..models.conv4 import Weights
from ..models.head import accuracy, cross_entropy
from ..models.norm import RunningStatistics
from .inner_loop import InnerStep, Learner
from .query_shares import QueryShares
from .step_sizes import add_rate_gradient, rate


@torch.no_grad()
def meta_gradient(
    learner: Learner,
    meta: Weights,
    tasks: TaskBatch,
    shares: QueryShares,
    *,
    second_order: bool,
    at_once: int,
    collect: RunningStatistics | None = None,
) -> tuple[Tensor, Tensor]:
    """Set the gradient of the tasks' mean loss on `meta`; return that loss and the accuracies [T].

    Args:
        learner: network and config.
        meta: all meta-learned weights.
        tasks: the meta-batch.
        shares: MSL's v [S]; queries of a step without weight are not computed.
        second_order: whether gradients depend on the weights; else they count as constants (first-order MAML, Finn et
            al. 2017 section 5.2).
        at_once: so many tasks are computed together, which bounds the memory, not the result.
        collect: notes the moments of all training passes.
    """
    total = {name: torch.zeros_like(weight) for name, weight in meta.items()}
    losses, accuracies = [], []
    for part in tasks.split(at_once):
        sweep = MetaPass(learner, meta, part, shares, collect)
        losses.append(sweep.loss)
        accuracies.append(accuracy(sweep.logits, part.query_labels))
        sweep.back(total, second_order)
    for name, weight in meta.items():
        weight.grad = total[name].div_(len(tasks)) if weight.requires_grad else None
    return torch.cat(losses).mean(), torch.cat(accuracies)


class MetaPass:
    """The inner loop of T tasks with its query losses, and the way back. Arguments as in `meta_gradient`.

    Attributes:
        loss: the meta-losses [T].
        logits: of the queries after the last step, [T, W*Q, W].
    """

    @torch.no_grad()
    def __init__(
        self,
        learner: Learner,
        meta: Weights,
        tasks: TaskBatch,
        shares: QueryShares,
        collect: RunningStatistics | None = None,
    ) -> None:
        self._learner, self._meta = learner, meta
        self._steps: list[tuple[InnerStep, Weights]] = []
        self.loss = tasks.query.new_zeros(len(tasks))
        for step, taken in enumerate(learner.adapt(meta, tasks, len(shares))):
            if collect:
                collect.note(taken.support.blocks, step)
            of_query: Weights = {}
            if (share := shares[step]) is not None:
                query = learner.network.run(taken.after, tasks.query, step)
                if collect:
                    collect.note(query.blocks, step)
                of_query = query.gradient(tasks.query_labels, share)
                self.loss += share * cross_entropy(query.logits, tasks.query_labels)
                self.logits = query.logits
            self._steps.append((taken, of_query))

    def back(self, total: Weights, second_order: bool) -> None:
        """Add the gradient of the summed losses to `total`. The steps' passes are given back on the way."""
        adjoint: Weights = {}
        step = len(self._steps)
        while self._steps:
            step -= 1
            taken, of_query = self._steps.pop()
            self._add(adjoint, total, of_query, step)
            direction = self._direction(adjoint, taken.gradient, total, step)
            if second_order:
                self._add(adjoint, total, taken.support.tangent(direction), step)
        for name in self._learner.adapted:
            total[name] += adjoint[name].sum(0)

    def _direction(self, adjoint: Weights, gradient: Weights, total: Weights, step: int) -> Weights:
        """Return -rate * adjoint, how a change of the step's gradient acts; note what a change of its rates does."""
        config = self._learner.config
        for name in self._learner.adapted:
            add_rate_gradient(config, total, name, step, adjoint[name], gradient[name])
        return {n: -rate(config, self._meta, n, step) * adjoint[n] for n in self._learner.adapted}

    def _add(self, adjoint: Weights, total: Weights, found: Weights, step: int) -> None:
        """Add gradients at one step: of adapted weights to `adjoint`, of norm weights to their row in `total`."""
        row = self._learner.network.norm_row(step)
        for name, value in found.items():
            if name not in self._learner.adapted:
                total[name][row].add_(value)
            else:
                adjoint[name] = adjoint[name] + value if name in adjoint else value
