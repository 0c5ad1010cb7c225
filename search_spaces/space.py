"""SearchSpace: which settings of a TrainerConfig a search varies, and how a trial becomes a config.

A dimension is asked for only where it can change the training: a component's settings only when the component is on, a
step-wise part only with more than one step, and so on. The rules of `trainers.inert` are applied to the values chosen
so far, so a space needs no conditions of its own.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from trainers.error_messages import show
from trainers.errors import InputError
from trainers.inert import Inert
from trainers.known_method import MAMLPP, KnownMethod
from trainers.method import Config
from trainers.overrides import Tree, flatten, merge, typed_among
from trainers.sections import plain

from .checks import dimension_tables, read_again, wrong_fixed, wrong_limit
from .dimensions import Choice, Dimension, Range, read_dimension
from .given import tree_of, wrong_names
from .presets import space_preset
from .trials import RandomParams, Trial

_FIRST = ("inner.steps", "norm.queries", "budget.epochs", "outer.lr")
_BEFORE_THEIR_SIBLINGS = ("msl.schedule", "ca.period", "ca.min_lr")


@dataclass(frozen=True)
class SearchSpace:
    """Dimensions by the dotted paths of a method's config; the paths are Optuna's parameter names.

    Attributes:
        dimensions: what varies. A component's own path ("msl") is its switch, with choices "on" and "off".
        fixed: values laid over the base (from a spec file's `fix`).
        asked_for: the dimensions that a user wrote, which must be able to have an effect.
        max_compute: upper limit on a config's counted operations, as a multiple of the base's; None: no limit. The
            caller that samples must enforce it.
        method: whose config it is.
    """

    dimensions: Mapping[str, Dimension]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    asked_for: frozenset[str] = frozenset()
    max_compute: float | None = None
    method: KnownMethod = field(default=MAMLPP, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.dimensions, Mapping) or not self.dimensions:
            raise InputError('space: nothing varies; write preset = "mamlpp" or a dimension such as [space."outer.lr"]')
        if problems := wrong_names(self.dimensions, self.fixed):
            raise InputError("\n".join(problems))
        object.__setattr__(self, "fixed", {path: plain(value) for path, value in self.fixed.items()})
        object.__setattr__(self, "max_compute", plain(self.max_compute))
        read = {path: read_again(path, dimension, problems, self.method) for path, dimension in self.dimensions.items()}
        problems += wrong_fixed(self.fixed, self.dimensions, self.method)
        problems += wrong_limit(self.max_compute)
        if problems:
            raise InputError("\n".join(problems))
        object.__setattr__(self, "dimensions", read)

    @classmethod
    def from_table(cls, table: Mapping[str, Any], method: KnownMethod = MAMLPP) -> SearchSpace:
        """Return the space that a [space] section describes: `preset`, `fix`, `max_compute`, and dimensions by dotted
        path.

        Raises ValueError with a line for each thing that is wrong.
        """
        tables, problems = dimension_tables(
            {k: v for k, v in table.items() if k not in ("preset", "fix", "max_compute")}
        )
        dimensions = dict(space_preset(table["preset"], method)) if "preset" in table else {}
        fixed = flatten(merge({}, table["fix"])) if isinstance(table.get("fix"), dict) else {}
        why = (
            "[space] preset has no such dimension"
            if "preset" in table
            else "without [space] preset there is nothing to fix"
        )
        problems += [
            f"space.fix.{path}: {why}; set it in [trainer] instead" for path in fixed if path not in dimensions
        ]
        if "fix" in table and not isinstance(table["fix"], dict):
            problems.append(f'space.fix: must be a table such as {{ "inner.steps" = 3 }}, not {table["fix"]!r}')
        max_compute = table.get("max_compute")
        problems += wrong_limit(max_compute)
        for path, entry in tables.items():
            try:
                dimensions[path] = read_dimension(path, entry, method)
            except InputError as error:
                problems += str(error).splitlines()
        problems += wrong_fixed(fixed, tables, method)
        if problems:
            raise InputError("\n".join(problems))
        searched = {p: d for p, d in dimensions.items() if p not in fixed}
        most = None if max_compute is None else float(max_compute)
        return cls(searched, fixed, frozenset(tables), most, method)

    def suggest(self, trial: Trial, base: Config) -> tuple[Config, tuple[Inert, ...]]:
        """Ask `trial` for every dimension that can have an effect; return the config and what was dropped from it.

        Args:
            trial: an Optuna trial.
            base: what holds for every trial: a config, or nested overrides (a preset and the user's settings).

        Raises InputError if one of them is something else.
        """
        if not hasattr(trial, "suggest_float"):
            raise InputError(f"trial: must be an Optuna trial, as study.ask() returns it, not {show(trial)}")
        tree = merge(tree_of(base), self.fixed)
        for path in self._order():
            if self._active(path, tree):
                tree = put(tree, path, self.dimensions[path].suggest(trial, path))
        return self.method.normalise(tree)

    def params_of(self, config: Config, base: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Optuna parameters with which `suggest` gives `config`'s values of all that is searched.

        Raises ValueError naming each value that the space does not contain.
        """
        values, epochs = self.method.settings(config), self.method.epochs(config)
        tree, params, problems = merge(base, self.fixed), {}, []
        for path in self._order():
            if not self._active(path, tree):
                continue
            value = self.dimensions[path].convert(values.get(path), epochs, self.method.position(path))
            if not self.dimensions[path].contains(value):
                problems.append(f"{path} = {value!r} is outside {self.dimensions[path]}")
                continue
            params[path] = value
            tree = put(tree, path, value)
        if problems:
            raise InputError("\n".join(problems))
        return params

    def never_used(self, base: Mapping[str, Any], typed: Mapping[str, Any]) -> list[Inert]:
        """Return the settings of `base` that a user `typed` and that have no effect in any sample, as far as 50 random
        draws show.
        """
        draws = random.Random(0)
        found: list[Inert] | None = None
        for _ in range(50):
            inert = self.method.normalise(self._draw(base, draws)[0])[1]
            paths = {one.path for one in inert}
            found = typed_among(inert, typed) if found is None else [one for one in found if one.path in paths]
            if not found:
                break
        return found or []

    def _draw(self, base: Mapping[str, Any], draws: random.Random) -> tuple[Tree, set[str]]:
        """Return a random corner of the space on top of `base`, and the dimensions that were active in it."""
        tree, active = merge(base, self.fixed), set()
        for path in self._order():
            if self._active(path, tree):
                active.add(path)
                tree = put(tree, path, draws.choice(self.dimensions[path].ends()))
        return tree, active

    def fit(self, base: Mapping[str, Any]) -> SearchSpace:
        """Return the space without the preset's dimensions that can never have an effect on top of `base`.

        Raises ValueError for such a dimension that the user wrote.
        """
        seen: set[str] = set()
        draws = random.Random(0)
        possible = [path for path in self.dimensions if not self._switched_off(path, merge(base, self.fixed))]
        for _ in range(200):
            seen |= self._draw(base, draws)[1]
            if len(seen) == len(possible):
                break
        idle = [path for path in self.dimensions if path not in seen]
        problems = [
            f"space.{path}: never has an effect, because {self._why_idle(path, base)}; leave it out, or change that"
            for path in idle
            if path in self.asked_for
        ]
        if problems:
            raise InputError("\n".join(problems))
        return replace(
            self,
            dimensions={p: d for p, d in self.dimensions.items() if p in seen},
            asked_for=self.asked_for & seen,
        )

    def alike(self, base: Mapping[str, Any]) -> list[str]:
        """Return a line for each dimension with a step that misses the end of its range, or with two choices that are
        one training, where every trial has the same epochs.

        A new study refuses them; one that was started with them goes on.
        """
        ranges = {path: dimension for path, dimension in self.dimensions.items() if isinstance(dimension, Range)}
        missed = [f"space.{path}.step: {why}" for path, one in ranges.items() if (why := one.missed())]
        if "budget.epochs" in self.dimensions:
            return missed
        epochs = self.method.epochs(self.method.normalise(merge(base, self.fixed))[0])
        choices = {path: dimension for path, dimension in self.dimensions.items() if isinstance(dimension, Choice)}
        found = {p: pair for p, d in choices.items() if (pair := d.alike(epochs, self.method.position(p)))}
        return missed + [
            f"space.{path}.choices: {show(one)} and {show(other)} are the same in a run of {epochs} epochs; leave"
            " one out"
            for path, (one, other) in found.items()
        ]

    def draws(self, count: int) -> Iterator[RandomParams]:
        """Yield `count` trials that answer at random, the same ones each time."""
        generator = random.Random(0)
        for _ in range(count):
            yield RandomParams(generator)

    def samples(self, base: Mapping[str, Any], count: int) -> Iterator[tuple[Config, tuple[Inert, ...]]]:
        """Yield `count` configs drawn at random, the same ones each time, with what was dropped from each."""
        return (self.suggest(draw, base) for draw in self.draws(count))

    def reasons_idle(self, base: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Return for each dimension why it is sometimes inactive, as far as 50 random corners show."""
        draws, found = random.Random(0), {path: set[str]() for path in self.dimensions}
        for _ in range(50):
            tree = merge(base, self.fixed)
            for path in self._order():
                if (reason := self._reason(path, tree)) is not None:
                    found[path].add(reason)
                else:
                    tree = put(tree, path, draws.choice(self.dimensions[path].ends()))
        return {path: tuple(sorted(reasons)) for path, reasons in found.items()}

    @property
    def hash(self) -> str:
        """SHA-256 (hexadecimal) of the dimensions and fixed values; 1 and 1.0 differ, the order of paths does not
        count.
        """
        return hashlib.sha256(json.dumps(self.as_table(), sort_keys=True).encode()).hexdigest()

    def as_table(self) -> Tree:
        """Return the space as a [space] section would write it, without presets; ready for JSON."""
        table: Tree = {path: self.dimensions[path].as_table() for path in sorted(self.dimensions)}
        table |= {"fix": dict(sorted(self.fixed.items()))} if self.fixed else {}
        return table if self.max_compute is None else {**table, "max_compute": self.max_compute}

    def _order(self) -> list[str]:
        """Return the paths so that each comes after those that decide whether it has an effect."""

        def rank(path: str) -> int:
            if path in _FIRST:
                return 0
            return 1 if "." not in path else 2 if path in _BEFORE_THEIR_SIBLINGS else 3

        return sorted(self.dimensions, key=rank)

    def _switched_off(self, path: str, tree: Tree) -> bool:
        """Whether `path` belongs to a component that is off and that the space never switches on."""
        head, dot, _ = path.partition(".")
        off = self.method.has_settings(head) and tree.get(head, "off") == "off"
        return bool(dot) and off and head not in self.dimensions

    def _active(self, path: str, tree: Tree) -> bool:
        return self._reason(path, tree) is None

    def _reason(self, path: str, tree: Tree) -> str | None:
        """Return why no value of the dimension could have an effect in `tree`, or None."""
        head = path.partition(".")[0]
        if path != head and self.method.has_settings(head) and tree.get(head, "off") == "off":
            return f'{head} is "off"'
        if not self.method.may_be_inert(path):
            return None
        outcomes = [
            self.method.normalise(self._with_later(put(tree, path, value), path))
            for value in self.dimensions[path].ends()
        ]
        dropped = [inert for _, found in outcomes for inert in found if inert.path in (path, head)]
        same = all(config == outcomes[0][0] for config, _ in outcomes)
        return dropped[0].reason if dropped and same else None

    def _with_later(self, tree: Tree, path: str) -> Tree:
        """Set the dimensions suggested after `path` in the same component to their upper ends in `tree`.

        A component that is too short to act with the base's length may act with the one that is sampled next.
        """
        head, order = path.partition(".")[0], self._order()
        for later in order[order.index(path) + 1 :]:
            if later.startswith(f"{head}.") and tree.get(head, "off") != "off":
                tree = put(tree, later, self.dimensions[later].ends()[-1])
        return tree

    def _why_idle(self, path: str, base: Mapping[str, Any]) -> str:
        return self._reason(path, merge(base, self.fixed)) or "what it depends on never takes the value it needs"


def put(tree: Tree, path: str, value: Any) -> Tree:
    """Return `tree` with `value` at `path`; switching a component on keeps the settings that it has below."""
    if value == "on" and isinstance(tree.get(path), dict):
        return tree
    head = path.partition(".")[0]
    return tree | merge({head: tree[head]} if head in tree else {}, {path: value})
