"""The reference of spec files, docs/spec.md, made from the types that read them.

`python -m study.spec.reference` prints it; a test keeps the page equal to what is printed.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from search_spaces.presets import SPACES
from trainers.config import TrainerConfig
from trainers.data import DataConfig
from trainers.presets import PRESETS, SIZES

from .optuna_parts import PRUNERS, SAMPLERS
from .sections import AblationSection, BudgetSection, ExecutionSection, StudySection

Schema = Mapping[str, Any]

INTRO = """# The spec file

A study is one TOML file. This page is printed by `python -m study.spec.reference` from the types that read the file, so it lists what
there is. An unknown key, a value out of range and a setting that can have no effect are errors that name the key, the rule and the way out.

| section | what it says | search | ablation | one training |
|---|---|---|---|---|
| `[study]` | name, seeds | needed | needed | needed |
| `[data]` | where classes come from | needed | needed | needed |
| `[trainer]` | a preset, and what differs from it | yes | yes | yes |
| `[space]` | what a search varies | needed | | |
| `[sampler]`, `[pruner]` | Optuna's, by name | yes | | |
| `[ablation]` | arms and seeds | | needed | |
| `[budget]` | when the study stops | needed | yes | yes |
| `[execution]` | who does the work | yes | yes | yes |

When a study has started, `[study]`, `[data]`, `[trainer]`, `[space]`, `[sampler]` and `[pruner]` are frozen; arms and seeds may be added, `[budget]`
and `[execution]` may change."""

POSITION = "A position is a whole number of epochs, or a share of the run: `10` is ten epochs, `0.1` a tenth of them."


def reference() -> str:
    """Return the whole page in Markdown."""
    parts = [INTRO, *_section("[study]", StudySection), *_data(), *_trainer(), *_space(), *_named()]
    parts += _section("[ablation]", AblationSection)
    parts += [*_section("[budget]", BudgetSection), *_section("[execution]", ExecutionSection)]
    return "\n\n".join(parts) + "\n"


def _section(title: str, model: type[BaseModel], level: int = 2, skip: Iterable[str] = ()) -> Iterator[str]:
    schema = model.model_json_schema()
    yield f"{'#' * level} `{title}`"
    yield _sentence(inspect.getdoc(model) or "", title)
    if rows := _rows(schema, schema, skip=skip):
        yield _table(rows)
    for name, field in schema["properties"].items():
        items = _resolve(field.get("items", {}), schema)
        if "properties" in items:
            yield f"{'#' * (level + 1)} `[[{title.strip('[]')}.{name}]]`"
            yield _table(_rows(items, schema))


def _data() -> Iterator[str]:
    yield "## `[data]`"
    yield "`source` names the data set; the other keys are its own. [data.md](data.md) says more of each."
    for model in get_args(get_args(DataConfig)[0]):
        source = model.model_fields["source"].default
        yield from _section(f'source = "{source}"', model, 3, skip=("source",))


def _trainer() -> Iterator[str]:
    yield "## `[trainer]`"
    yield (
        "`preset` and `size` say where to start; every other key is a setting, nested or by dotted path (`inner.steps = 3`). "
        'A component is `"off"`, `"on"` for its default settings, or a table of settings.\n\n' + POSITION
    )
    yield _table([f"| `{name}` | {text} |" for name, text in PRESETS.items()], "| preset | what it is |\n|---|---|")
    sizes = [f"| `{name}` | {_inline(tree)} |" for name, tree in SIZES.items()]
    yield _table(sizes, "| size | settings |\n|---|---|")
    schema = TrainerConfig.model_json_schema()
    plain = []
    for name, field in schema["properties"].items():
        table = _object(field, schema)
        if table is None:
            plain.append(_row(name, field, schema))
            continue
        yield f"### `{name}`"
        says = table.get("description", "") + (" Off by default." if field.get("default") == "off" else "")
        yield _sentence(says, name)
        yield _table(_rows(table, schema, f"{name}."))
    yield "### Other settings"
    yield _table(plain)


def _space() -> Iterator[str]:
    yield "## `[space]`"
    yield (
        "`preset` names a ready space; every other key is a setting of the trainer by its dotted path, with what it may be: "
        "`{ low, high }`, with `log = true` for even ratios and `step` for a grid (whole numbers if both ends are), or "
        '`{ choices = [...] }`. A component is a choice of `"on"` and `"off"`, and its settings are drawn only where it is on. '
        "`fix` holds settings that all trials share, whatever the preset says. `max_compute` is the most compute that a config may take, as a "
        "multiple of the base's. [search.md](search.md) goes through all of it."
    )
    rows = [
        f"| `{name}` | {', '.join(f'`{path}` {dimension}' for path, dimension in dimensions.items())} |"
        for name, dimensions in SPACES.items()
    ]
    yield _table(rows, "| ready space | what it varies |\n|---|---|")


def _named() -> Iterator[str]:
    yield "## `[sampler]` and `[pruner]`"
    yield (
        "`name` is one of these; every other key is an option of Optuna's class, by its name there. What is left out keeps "
        "mamlab's default: [search.md](search.md)."
    )
    yield _table([f"| `{name}` | `{cls}` |" for name, cls in SAMPLERS.items()], "| sampler | in Optuna |\n|---|---|")
    yield _table([f"| `{name}` | `{cls}` |" for name, cls in PRUNERS.items()], "| pruner | in Optuna |\n|---|---|")


def _table(rows: Iterable[str], head: str = "| key | values | default | meaning |\n|---|---|---|---|") -> str:
    return "\n".join([head, *rows])


def _rows(table: Schema, schema: Schema, prefix: str = "", skip: Iterable[str] = ()) -> list[str]:
    return [
        _row(prefix + name, field, schema, name in table.get("required", ()))
        for name, field in table["properties"].items()
        if name not in skip
    ]


def _row(name: str, field: Schema, schema: Schema, required: bool = False) -> str:
    default = "needed" if required else _toml(field.get("default"))
    return f"| `{name}` | {_values(field, schema)} | {default} | {field.get('description', '')} |"


def _values(field: Schema, schema: Schema) -> str:
    field = _resolve(field, schema)
    if "anyOf" in field:
        if {"integer", "number"} <= {one.get("type") for one in field["anyOf"]}:
            return "position"
        return " or ".join(dict.fromkeys(_values(one, schema) for one in field["anyOf"] if one.get("type") != "null"))
    if "const" in field:
        return _toml(field["const"])
    if "enum" in field:
        return ", ".join(_toml(value) for value in field["enum"])
    kind = _KINDS.get(field.get("type", ""), "any value")
    return f"{kind} {_limits(field)}".strip()


_KINDS = {
    "integer": "whole number", "number": "number", "boolean": "`true`, `false`", "string": "text", "array": "list",
    "object": "table",
}  # fmt: skip
_SIGNS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def _limits(field: Schema) -> str:
    return ", ".join(f"{sign} {field[key]:g}" for key, sign in _SIGNS.items() if key in field)


def _resolve(field: Schema, schema: Schema) -> Schema:
    if "$ref" in field:
        found: Schema = schema["$defs"][field["$ref"].rpartition("/")[2]]
        return found
    return field


def _object(field: Schema, schema: Schema) -> Schema | None:
    """Return the table of settings that a field can be, if it can."""
    for one in (field, *field.get("anyOf", ())):
        found = _resolve(one, schema)
        if "properties" in found:
            return found
    return None


def _toml(value: Any) -> str:
    return "" if value is None or value in ([], {}) else f"`{json.dumps(value)}`"


def _inline(tree: Mapping[str, Any]) -> str:
    return ", ".join(f"`{part}.{key} = {json.dumps(v)}`" for part, keys in tree.items() for key, v in keys.items())


def _sentence(text: str, title: str) -> str:
    """Return a docstring without the name of its section in front."""
    text = " ".join(text.split())
    _, colon, rest = text.partition(": ")
    return rest[:1].upper() + rest[1:] if colon and text.startswith(title) else text


if __name__ == "__main__":
    print(reference(), end="")
