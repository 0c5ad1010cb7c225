"""Finds methods by name: "module:name", or a name that a package registers under the entry-point group
`mamlab.methods`.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from reports.metric import Metric

from .error_messages import models_of, show, unknown
from .errors import InputError
from .known_method import MAMLPP, KnownMethod
from .method import metric_name_problem

GROUP = "mamlab.methods"
ADDRESS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
NEEDED = ("name", "version", "config", "components", "metric", "epochs", "load", "train")


def find_method(use: str) -> KnownMethod:
    """Return the method that `use` names; MAML++ if it is empty.

    Its module is imported from the import paths, the current folder and the folders of `also_from`. Raises InputError
    for an invalid name, a module that cannot be imported, or an object that is not a method.
    """
    return MAMLPP if not use else _found(address_of(use))


def also_from(folder: Path) -> None:
    """Allow modules of methods to be imported from `folder`, here and in workers."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def address_of(use: str) -> str:
    """Return "module:name" for the value of [method] use in a spec file. Raises InputError."""
    if ":" in use:
        if not ADDRESS.fullmatch(use):
            raise InputError(f'method.use = {show(use)}: must be "module:NAME", such as "my_project.methods:METHOD"')
        return use
    known = {one.name: one.value for one in entry_points(group=GROUP)}
    if use in known:
        return known[use]
    names = unknown("method", use, known) if known else f"no package here registers a method ({GROUP})"
    raise InputError(f'method.use = {show(use)}: {names}; or write "module:NAME"')


@cache
def _found(address: str) -> KnownMethod:
    module, _, name = address.partition(":")
    also_from(Path.cwd())
    try:
        imported = import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module != error.name and not module.startswith(f"{error.name}."):
            raise InputError(f'method.use = "{address}": importing {module} failed: {error}') from error
        raise InputError(
            f'method.use = "{address}": there is no module {module} in the folders of imports; put it beside the spec'
            " file or into the current folder, or name its folder in PYTHONPATH"
        ) from None
    except Exception as error:
        raise InputError(
            f'method.use = "{address}": importing {module} failed: {type(error).__name__}: {error}'
        ) from error
    if not hasattr(imported, name):
        public = [other for other in vars(imported) if not other.startswith("_")]
        raise InputError(f'method.use = "{address}": {module} has no {name}: {unknown("name", name, public)}')
    own = getattr(imported, name)
    own = own() if isinstance(own, type) else own
    if problems := _problems(own):
        raise InputError("\n".join(f"{address}: {problem}" for problem in problems))
    return KnownMethod(own, address)


def _problems(own: Any) -> list[str]:
    """Return what an object lacks to be a method, one message per problem."""
    found = [f"{name} is missing; see docs/methods.md" for name in NEEDED if not hasattr(own, name)]
    if found:
        return found
    found += [f"{name} must be a text, not {show(getattr(own, name))}" for name in ("name", "version")
              if not (isinstance(getattr(own, name), str) and getattr(own, name))]  # fmt: skip
    if not isinstance(own.metric, Metric):
        found.append(f'metric must be a mamlab.Metric, such as Metric("rmse", better="lower"), not {show(own.metric)}')
    elif problem := metric_name_problem(own.metric.name):
        found.append(f"metric: the name {show(own.metric.name)} {problem}; put other signs into its title")
    if not (isinstance(own.config, type) and issubclass(own.config, BaseModel)):
        return [*found, f"config must be a class derived from pydantic's BaseModel, not {show(own.config)}"]
    fields = own.config.model_fields
    found += [f'components: its config has no setting "{name}": {unknown("setting", name, fields)}'
              for name in own.components if name not in fields]  # fmt: skip
    return found + [
        f"config: {model.__name__} takes keys that it does not know, so a mistyped setting would be ignored; derive it"
        ' from mamlab.Settings, or set model_config = ConfigDict(extra="forbid", frozen=True)'
        for model in _models_in(own.config) if model.model_config.get("extra") != "forbid"
    ]  # fmt: skip


def _models_in(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the model and the models of its fields, at any depth."""
    inner = (part for field in model.model_fields.values() for part in models_of(field.annotation))
    return [model, *(one for part in inner for one in _models_in(part))]
