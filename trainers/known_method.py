"""KnownMethod: a method as the engine sees it, with what it leaves out filled in."""

from __future__ import annotations

import ast
import hashlib
import json
import math
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .error_messages import explain, models_of, show, unknown
from .errors import InputError
from .fingerprint import MACHINE, fingerprint_of
from .inert import CONDITIONAL, Inert
from .mamlpp.method import MamlPlusPlus
from .method import Config, Data, Method
from .overrides import Tree, flat_settings, merge, read_value


class KnownMethod:
    """A method and where it is imported from; of one that is named twice there is one object.

    Attributes:
        own: the method itself.
        address: "module:name"; empty for MAML++.
    """

    def __init__(self, own: Method, address: str = "") -> None:
        self.own, self.address = own, address
        self.name, self.config, self.metric = own.name, own.config, own.metric
        self.components = tuple(own.components)
        self.pairing: str = getattr(own, "pairing", "")
        self.presets: Mapping[str, Any] = getattr(own, "presets", {})
        self.spaces: Mapping[str, Mapping[str, Any]] = getattr(own, "spaces", {})
        self.is_mamlpp = not address
        self.machine: frozenset[str] = frozenset(MACHINE) if self.is_mamlpp else frozenset()
        """Settings that change no number."""
        self.plain = "MAML" if self.is_mamlpp else f"plain {self.name}"
        """What an arm with every component off is called."""

    def __eq__(self, other: object) -> bool:
        """Whether both are the same method, also one that was pickled in between."""
        return isinstance(other, KnownMethod) and (self.address, self.config) == (other.address, other.config)

    def __hash__(self) -> int:
        return hash((self.address, self.config))

    def title(self, component: str) -> str:
        """Return a component as arms call it: MAML++'s are acronyms."""
        return component.upper() if self.is_mamlpp else component

    @property
    def titles(self) -> tuple[str, ...]:
        """The components as arms call them."""
        return tuple(map(self.title, self.components))

    def path(self, title: str) -> str:
        """Return the setting of a component by its title."""
        return title.lower() if self.is_mamlpp else title

    def normalise(self, tree: Tree, typed: Mapping[str, Any] | None = None) -> tuple[Config, tuple[Inert, ...]]:
        """Return the config that `tree` describes without settings that have no effect, and what was dropped.

        Raises as `trainers.overrides.normalise`.
        """
        if own := getattr(self.own, "normalise", None):
            found: tuple[Config, tuple[Inert, ...]] = own(tree, typed)
            return found
        return self.validate(tree), ()

    def may_be_inert(self, path: str) -> bool:
        """Whether a setting, or the component that it belongs to, has no effect beside some other settings."""
        if self.is_mamlpp:
            return not CONDITIONAL.isdisjoint((path, path.partition(".")[0]))
        return hasattr(self.own, "normalise")

    def validate(self, tree: Mapping[str, Any]) -> Config:
        """Return the config of `tree`; MAML++'s keeps what has no effect. Raises pydantic.ValidationError."""
        if not self.is_mamlpp:
            tree = {name: {} if value == "on" and self.has_settings(name) else value for name, value in tree.items()}
        return self.config.model_validate(tree, context={"keep_inert": True})

    def explain(self, error: ValidationError, prefix: str = "") -> str:
        """Return what is wrong with the input of the config, a line for each setting."""
        return explain(error, self.config, prefix)

    def epochs(self, config: Config) -> int:
        """Return how many epochs a training has."""
        return self.own.epochs(config)

    def settings(self, config: Config) -> dict[str, Any]:
        """Return every setting by dotted path; a component that is on stands there as "on", beside its own."""
        tree = config.model_dump() if self.is_mamlpp else config.model_dump(mode="json")
        return flat_settings(tree, self.components)

    def from_settings(self, recorded: Mapping[str, str]) -> Config:
        """Return the config whose `settings` were recorded as text. Raises InputError for those of another version."""
        ordered = {path: _value(recorded[path]) for path in sorted(recorded)}  # "msl" before "msl.epochs"
        try:
            return self.normalise(merge(ordered))[0]
        except ValidationError as error:
            raise InputError(f"a recorded run has settings of another version: {self.explain(error)}") from None

    def preset(self, name: object, size: str) -> Tree:
        """Return the settings that a preset stands for. Raises InputError naming the nearest, for an unknown name."""
        if not isinstance(name, str) or name not in self.presets:
            known = (
                unknown("preset", str(name), self.presets) if self.presets else f"{self.name} has none; leave it out"
            )
            raise InputError(f"preset = {show(name)}: {known}")
        found: Tree = self.presets[name](size) if callable(self.presets[name]) else self.presets[name]
        return found

    def fingerprint(self, config: Config, seed: int, checksum: str, trained_by: str = "") -> str:
        """Return the identity of a training; see `trainers.fingerprint.fingerprint_of`."""
        if self.is_mamlpp:
            return fingerprint_of(config, seed, checksum, trained_by)
        whole = config.model_dump(mode="json")  # with the defaults, which may change as the source does
        identity = {"config": whole, "seed": seed, "data": checksum, "trained_by": trained_by or self.address}
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def same_training(self, one: Config, other: Config) -> bool:
        """Whether two configs train the same on any data and seed."""
        return self.fingerprint(one, 0, "") == self.fingerprint(other, 0, "")

    @property
    def counts_flops(self) -> bool:
        """Whether the operations of a training can be counted."""
        return hasattr(self.own, "flops")

    def flops(self, config: Config, data: Any, epochs: int | None = None) -> float:
        """Return the operations of the first `epochs` epochs (None: all); NaN where nobody counts them."""
        counted = getattr(self.own, "flops", None)
        return math.nan if counted is None else float(counted(config, data, epochs))

    def halve(self, config: Config, data: Any) -> Config:
        """Return a config of the same numbers that takes less memory, or the same where there is none."""
        own = getattr(self.own, "halve", None)
        return config if own is None else own(config, data)

    def load(self, data: Any, folder: Path) -> Data:
        """Return the data that the section [data] describes. Raises InputError where the method cannot."""
        try:
            with redirect_stdout(sys.stderr):  # standard output may be a command's JSON
                return self.own.load(data, folder)
        except InputError:
            raise
        except Exception as error:
            if self.is_mamlpp:
                raise
            raise InputError(f"{self.address}: load failed: {type(error).__name__}: {error}") from error

    def has_settings(self, component: str) -> bool:
        """Whether a component has settings where it is on."""
        return component in self.components and bool(models_of(self.config.model_fields[component].annotation))

    @property
    def switches(self) -> tuple[str, ...]:
        """Components that a space switches by "on" and "off"; of another one it chooses the value."""
        return tuple(name for name in self.components if self.is_mamlpp or self.has_settings(name))

    def position(self, path: str) -> str:
        """Return `path`; empty for a setting that only looks like one of MAML++'s positions in time."""
        return path if self.is_mamlpp else ""


def _value(text: str) -> Any:
    """Return what a recorded text says; lists, too."""
    if not text.startswith(("[", "(", "{")):
        return read_value(text)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


MAMLPP = KnownMethod(MamlPlusPlus())
"""Who trains unless another method is named."""
