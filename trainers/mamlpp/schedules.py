"""Schedules by epoch (from 0): MSL's weights, DA's gradient order, CA's outer learning rate."""

from __future__ import annotations

import math

from ..sections import CA, MSL, Settings, resolve

FLOOR = 0.03
"""Smallest weight of a step under the linear schedule, as a share of 1/S (released code of HTYM)."""


def msl_weights(config: Settings, epoch: int) -> list[float]:
    """Return the weights [S] of the query losses after each inner step; they sum to 1.

    Once the annealing is over, and without MSL, all weight is on the last step. With e epochs done of E and S steps:
    linear: 1/S each, all but the last fall by e / (S E), not below 0.03 / S, the last takes the rest (HTYM section 4);
    cosine: all but the last are (1 + cos(pi e / E)) / (2 S), the last takes the rest;
    ema: step k of 0 .. S-1 has tau (1 - tau)^(S-1-k), step 0 the rest: an exponential moving average over the steps;
    constant: 1/S each.
    """
    steps, msl = config.inner.steps, config.msl
    if msl == "off" or epoch >= (length := resolve(msl.epochs, config.budget.epochs)):
        return [0.0] * (steps - 1) + [1.0]
    if msl.schedule == "ema":
        tail = [msl.tau * (1 - msl.tau) ** (steps - 1 - k) for k in range(1, steps)]
        return [1 - math.fsum(tail), *tail]
    early = _early_weight(msl, steps, epoch, length)
    return [early] * (steps - 1) + [1 - (steps - 1) * early]


def _early_weight(msl: MSL, steps: int, epoch: int, length: int) -> float:
    """Return the weight that all steps but the last have."""
    if msl.schedule == "linear":
        return max(1 / steps - epoch / (steps * length), FLOOR / steps)
    if msl.schedule == "cosine":
        return (1 + math.cos(math.pi * epoch / length)) / (2 * steps)
    return 1 / steps


def second_order(config: Settings, epoch: int) -> bool:
    """Return whether the gradients of `epoch` are second-order: after DA's first-order epochs, always without DA."""
    return config.da == "off" or epoch >= resolve(config.da.first_order_epochs, config.budget.epochs)


def outer_lr(config: Settings, epoch: int) -> float:
    """Return the outer learning rate of `epoch`: constant without CA, else a cosine from `outer.lr` to `ca.min_lr`.

    Period i is period * period_mult^i epochs long and starts at outer.lr * restart_decay^i (Loshchilov and Hutter 2017,
    SGDR, equation 5). A period of the run's length is torch's CosineAnnealingLR.
    """
    if config.ca == "off":
        return config.outer.lr
    floor = min(config.ca.min_lr, config.outer.lr)
    top, length, since = _period(config.ca, config.outer.lr, epoch, config.budget.epochs)
    return floor + (top - floor) * (1 + math.cos(math.pi * since / length)) / 2


def _period(ca: CA, lr: float, epoch: int, epochs: int) -> tuple[float, int, int]:
    """Return the starting rate of the period that `epoch` is in, its length, and the epochs since its start."""
    length, since = max(1, resolve(ca.period, epochs)), epoch
    while since >= length:
        since -= length
        length *= ca.period_mult
        lr = max(lr * ca.restart_decay, min(ca.min_lr, lr))
    return lr, length, since
