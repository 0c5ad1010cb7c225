"""One dimension of a search: a range of numbers or a list of choices, and its reading from a spec file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from trainers.error_messages import nearest, show, unknown
from trainers.errors import InputError
from trainers.known_method import MAMLPP, KnownMethod
from trainers.sections import POSITIONS, plain, resolve

from .given import listed

if TYPE_CHECKING:
    from .trials import Trial

_KEYS = ("low", "high", "log", "step", "choices")


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole numbers if both are int.

    `log` spreads them by ratio; `step` is the distance between neighbours (None: 1, or continuous). NumPy's numbers
    become Python's. Raises ValueError for what is no range: numbers that are not finite, low not below high, log with
    low at most 0, a step that is not positive or larger than the range. A new study also refuses a step that misses
    `high` (`SearchSpace.alike`); one that was started with it goes on, without that value.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high", "log", "step"):
            object.__setattr__(self, name, plain(getattr(self, name)))
        parts = (self.low, self.high, self.log, self.step)
        if problem := _no_numbers(*parts) or _no_range(*parts):
            raise InputError(f"Range{problem}")

    def suggest(self, trial: Trial, name: str) -> int | float:
        """Return `trial`'s value of the parameter `name`."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, step=int(self.step or 1), log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def contains(self, value: Any) -> bool:
        """Whether the dimension can take `value`."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        return math.isclose(steps, round(steps), abs_tol=1e-9)

    def convert(self, value: Any, epochs: int, path: str) -> Any:
        """Return `value` in this dimension's unit: a position as epochs or as a share, as the range has it."""
        if path not in POSITIONS or isinstance(value, bool) or not isinstance(value, int | float):
            return value
        return (
            resolve(value, epochs) if isinstance(self.low, int) else value / epochs if isinstance(value, int) else value
        )

    def missed(self) -> str:
        """Return why the steps miss `high`, with a remedy; empty if they reach it."""
        if self.step is None or self.contains(self.high):
            return ""
        last = self.low + self.step * math.floor((self.high - self.low) / self.step)
        return f"steps of {self.step} from {self.low} miss high = {self.high}; write high = {last:g}, or another step"

    def ends(self) -> list[Any]:
        """Return the extreme values."""
        return [self.low, self.high]

    def as_table(self) -> dict[str, Any]:
        """Return the dimension as a spec file writes it."""
        table: dict[str, Any] = {"low": self.low, "high": self.high}
        return table | ({"log": True} if self.log else {}) | ({"step": self.step} if self.step else {})

    def __str__(self) -> str:
        return f"{self.low} to {self.high}" + (f" in steps of {self.step}" if self.step else "")


@dataclass(frozen=True)
class Choice:
    """One of `choices`: numbers, texts, truth values or None, no two of them equal to Python.

    They may come as any sequence, or as an array. Optuna finds a choice by its value, so of 1 and 1.0 (or True) it
    keeps the first for both. Raises ValueError, also for no choice at all.
    """

    choices: Sequence[Any]

    def __post_init__(self) -> None:
        choices = listed(self.choices)
        if problem := _no_choices(choices) or confused(choices):
            raise InputError(f"Choice.choices: {problem}")
        object.__setattr__(self, "choices", tuple(choices))

    def suggest(self, trial: Trial, name: str) -> Any:
        """Return `trial`'s value of the parameter `name`."""
        return trial.suggest_categorical(name, self.choices)

    def contains(self, value: Any) -> bool:
        """Whether the dimension can take `value`."""
        return any(type(choice) is type(value) and choice == value for choice in self.choices)

    def convert(self, value: Any, epochs: int, path: str) -> Any:
        """Return the choice that means `value`: a position may be chosen in epochs or as a share, a rate as 1 or
        1.0.
        """
        return next((choice for choice in self.choices if means_same(choice, value, epochs, path)), value)

    def alike(self, epochs: int, path: str) -> tuple[Any, Any] | None:
        """Return two choices that mean the same in a run of `epochs` epochs, None if all differ."""
        pairs = combinations(self.choices, 2)
        return next((pair for pair in pairs if means_same(*pair, epochs, path)), None)

    def ends(self) -> list[Any]:
        """Return all values."""
        return list(self.choices)

    def as_table(self) -> dict[str, Any]:
        """Return the dimension as a spec file writes it."""
        return {"choices": list(self.choices)}

    def __str__(self) -> str:
        return "the choices " + ", ".join(map(str, self.choices))


def means_same(choice: Any, value: Any, epochs: int, path: str) -> bool:
    """Whether two values of the setting `path` are equivalent in a run of `epochs` epochs."""
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (choice, value))
    if path in POSITIONS and numbers:
        return resolve(choice, epochs) == resolve(value, epochs)
    return bool(choice == value) and (numbers or type(choice) is type(value))


def confused(values: Sequence[Any]) -> str:
    """Return why some of `values` are indistinguishable, with a remedy; empty if all differ."""
    for value in values:
        if not isinstance(value, bool | int | float | str | None):
            return f"each must be a number, a text or true/false, not {value!r}"
        if isinstance(value, float) and not math.isfinite(value):
            return f"{value!r} is not a valid choice; leave it out"
    for one, other in combinations(values, 2):
        if one == other and repr(one) == repr(other):
            return f"a value appears twice in {list(values)!r}; write each once"
        if one == other:
            return (
                f"{show(one)} and {show(other)} are equal as numbers, so they cannot be told apart;"
                f" {_way_out(one, other)} (a study that was started with both goes on under a new name, and finds what"
                " it has trained)"
            )
    return ""


def _way_out(one: Any, other: Any) -> str:
    if {type(one), type(other)} == {int, float} and one == 1:
        return (
            "where 1 means one epoch and 1.0 the whole run, write the number of its epochs for 1.0; else leave one out"
        )
    return "leave one out"


Dimension = Range | Choice


@cache
def setting_paths(method: KnownMethod = MAMLPP) -> dict[str, Any]:
    """Return every path that a space may vary, with the annotated type of its setting."""
    found = _paths(method.config, "", method.components)
    return {path: kind for path, kind in found if path not in method.machine}


def _paths(model: type[BaseModel], prefix: str, switches: Sequence[str]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, field in model.model_fields.items():
        below = next((t for t in _parts(field.annotation) if isinstance(t, type) and issubclass(t, BaseModel)), None)
        if below is None or prefix + name in switches:
            found.append((prefix + name, field.annotation))
        found += _paths(below, f"{prefix}{name}.", switches) if below else []
    return found


def _parts(annotation: Any) -> list[Any]:
    return [annotation, *getattr(annotation, "__args__", ())]


def read_dimension(path: str, table: Mapping[str, Any], method: KnownMethod = MAMLPP) -> Dimension:
    """Return the dimension of `path` that a spec file's `table` describes. Raises ValueError, a line a problem."""
    where = f"space.{path}"
    if path not in setting_paths(method):
        raise InputError(f"{where}: {_unknown_path(path, method)}")
    wrong = [f"{where}.{key}: {unknown('key', key, _KEYS)}" for key in table if key not in _KEYS]
    if wrong:
        raise InputError("\n".join(wrong))
    if "choices" in table:
        return _read_choice(where, path, table, method)
    return _read_range(where, path, table, method)


def _unknown_path(path: str, method: KnownMethod) -> str:
    if path in method.machine:
        return "it says where and how fast a training runs, and changes no result; set it in [trainer]"
    known = setting_paths(method)
    guess = nearest(path, known)
    beside = [one for one in known if one.startswith(path.partition(".")[0] + ".")]
    return f"no such setting of {'the trainer' if method.is_mamlpp else method.name}" + (
        f"; did you mean {guess}?" if guess else f" (known: {', '.join(beside or known)})"
    )


def _read_choice(where: str, path: str, table: Mapping[str, Any], method: KnownMethod) -> Choice:
    choices = table["choices"]
    if len(table) > 1:
        raise InputError(
            f"{where}: choices excludes other keys; leave out {', '.join(k for k in table if k != 'choices')}"
        )
    if problem := _no_choices(choices) or confused(choices):
        raise InputError(f"{where}.choices: {problem}")
    if path in method.switches and not set(choices) <= {"on", "off"}:
        raise InputError(f'{where}.choices: {path} is a component: choose from "on" and "off", not {choices!r}')
    return Choice(tuple(choices))


def _read_range(where: str, path: str, table: Mapping[str, Any], method: KnownMethod) -> Range:
    missing = [key for key in ("low", "high") if key not in table]
    if missing:
        raise InputError(
            f"{where}: {' and '.join(missing)} missing; write low = ... and high = ..., or choices = [...]"
        )
    low, high, log, step = table["low"], table["high"], table.get("log", False), table.get("step")
    if problem := _no_numbers(low, high, log, step):
        raise InputError(where + problem)
    if not _numbers(path, method):
        raise InputError(f"{where}: {path} is no number; write choices = [...]")
    low, high, step = _one_type(where, path, method, low, high, step)
    if problem := _no_range(low, high, log, step):
        raise InputError(where + problem)
    return Range(low, high, log, step)


def _numbers(path: str, method: KnownMethod) -> set[type]:
    """Return which numbers a setting takes: whole ones, others, or none."""
    return {int, float} & {part for part in _parts(setting_paths(method)[path]) if isinstance(part, type)}


def _no_numbers(low: Any, high: Any, log: Any, step: Any) -> str:
    """Return the type error of a range, to append to its name; empty if there is none."""
    for key, value in (("low", low), ("high", high), ("step", step)):
        if isinstance(value, bool) or (not isinstance(value, int | float) and not (key == "step" and value is None)):
            return f".{key}: must be a number, not {show(value)}"
        if isinstance(value, float) and not math.isfinite(value):
            return f".{key}: must be finite, not {value}"
    return "" if isinstance(log, bool) else f".log: must be true or false, not {show(log)}"


def _no_range(low: Any, high: Any, log: bool, step: Any) -> str:
    """Return why these numbers make no range, to append to its name; empty if they do."""
    if low >= high:
        return f": low must be less than high, not {low} >= {high}; to keep it fixed, set it in [trainer]"
    if log and low <= 0:
        return f": log = true needs low greater than 0, not {low}"
    if step is not None and (log or not 0 < step <= high - low):
        return f".step: must be positive, at most high - low, and without log = true, not {step}"
    return ""


def _no_choices(choices: Any) -> str:
    if isinstance(choices, list | tuple) and choices:
        return ""
    return f"must be a list with at least one value, not {show(choices) if isinstance(choices, str) else repr(choices)}"


def _one_type(where: str, path: str, method: KnownMethod, low: Any, high: Any, step: Any) -> tuple[Any, Any, Any]:
    """Return the three numbers in the setting's own type."""
    given = {type(value) for value in (low, high, step) if value is not None}
    if method.position(path) in POSITIONS:
        if len(given) > 1:
            raise InputError(
                f"{where}: low = {low} and high = {high} mix epochs (whole numbers) with shares of the run "
                "(0.0 to 1.0); write both in one unit"
            )
        return low, high, step
    if _numbers(path, method) == {int}:
        if given != {int}:
            raise InputError(f"{where}: {path} is a whole number; write low, high and step without a point")
        return low, high, step
    return float(low), float(high), None if step is None else float(step)
