"""The section [method]: a method of your own instead of MAML++."""

from __future__ import annotations

import tomllib

from pydantic import Field

from trainers.find_method import find_method
from trainers.known_method import MAMLPP, KnownMethod
from trainers.overrides import Tree
from trainers.sections import Section


class MethodSection(Section):
    """[method]: a learner of your own; see docs/methods.md."""

    use: str = Field(min_length=1, description='your method: use = "my_project.methods:METHOD", or a registered name')


def method_of(spec: str) -> KnownMethod:
    """Return who trains by the text of a spec file. Raises InputError as `find_method`."""
    try:
        return read_method(tomllib.loads(spec))
    except tomllib.TOMLDecodeError:
        return MAMLPP


def read_method(tree: Tree) -> KnownMethod:
    """Return the method of a spec file's [method] section. Raises InputError as `find_method`."""
    section = tree.get("method")
    use = section.get("use") if isinstance(section, dict) else None
    return find_method(use) if isinstance(use, str) else MAMLPP
