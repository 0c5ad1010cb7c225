"""The compared methods: stopping rules over random configs, and TPE with stopping rules on a surrogate."""

from __future__ import annotations

from dataclasses import dataclass, field

from .rules import Rule, halving, look, promotion, to_the_end


@dataclass(frozen=True)
class Method:
    """A stopping rule; whether the portfolio is tried first; for a search with TPE, how it starts otherwise."""

    name: str
    rule: Rule
    portfolio: bool = False
    start: dict[str, int] = field(default_factory=dict)


RANDOM = Method("random configs, all to the end", to_the_end)
RULES = (
    RANDOM,
    Method("successive halving, epochs 1 and 3, better third (the default pruner)", halving()),
    Method("the same, better ninth", halving(factor=9)),
    Method("short look of 1 epoch, better third goes on", promotion((1,), 3)),
    Method("short look of 1 epoch, better sixth (pruner short_look)", promotion((1,), 6)),
    Method("short look of 1 epoch, better ninth", promotion((1,), 9)),
    Method("short look of 2 epochs, better sixth", promotion((2,), 6)),
    Method("looks after 1 and 3 epochs, better third each", promotion((1, 3), 3)),
    Method("1 epoch for 60 configs, then the best 10 to the end", look(60, 1, 10)),
    Method("portfolio first, all to the end", to_the_end, portfolio=True),
    Method("portfolio first, successive halving", halving(), portfolio=True),
    Method("portfolio first, short look of 1 epoch, better sixth", promotion((1,), 6), portfolio=True),
)
DEFAULT = Method("TPE, portfolio first, successive halving (the default)", halving(), portfolio=True)
WITHOUT = Method("TPE, successive halving", halving())
SAMPLED = (
    Method("TPE, no pruning", to_the_end),
    WITHOUT,
    Method("TPE, successive halving, begun with 4 quasi-random trials", halving(), start={"quasi_random": 4}),
    Method("TPE, short look of 1 epoch, better sixth", promotion((1,), 6)),
    Method("TPE, portfolio first, no pruning", to_the_end, portfolio=True),
    DEFAULT,
    Method("TPE, portfolio first, short look of 1 epoch, better sixth", promotion((1,), 6), portfolio=True),
)
