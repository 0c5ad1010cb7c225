"""Generates the JSON schema of spec files, for editors and programs that write specs.

It covers sections, settings and names; rules that involve several settings are only checked when a study starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.dimensions import setting_paths
from search_spaces.presets import SPACES
from trainers.config import TrainerConfig
from trainers.presets import PRESETS, SIZES

from .optuna_parts import PRUNERS, SAMPLERS
from .sections import SpecFile

Tree = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def spec_schema() -> Tree:
    """Return the schema of a whole spec file."""
    schema, trainer = SpecFile.model_json_schema(), TrainerConfig.model_json_schema()
    definitions = {**trainer.pop("$defs"), **schema.pop("$defs")}
    definitions |= {"Trainer": _trainer(trainer, definitions), "Space": _space(), "Dimension": DIMENSION}
    definitions |= {"Sampler": _named("Optuna's sampler", SAMPLERS), "Pruner": _named("Optuna's pruner", PRUNERS)}
    properties = schema["properties"]
    for name in ("sampler", "pruner"):
        properties[name] = {"$ref": f"#/$defs/{name.capitalize()}"}
    mamlpp = {name: {"$ref": f"#/$defs/{name.capitalize()}"} for name in ("trainer", "space")}
    properties |= {name: {"type": "object"} for name in mamlpp}  # of another method only a start knows them
    own = {"if": {"required": ["method"]}, "else": {"properties": mamlpp}}
    whole = {**_without_null(schema), "title": "mamlab spec", **own, "$defs": _without_null(definitions)}
    return {"$schema": DIALECT, **whole}


def _trainer(schema: Tree, definitions: Mapping[str, Tree]) -> Tree:
    """Return [trainer]: a preset, a size, and each setting nested or by its dotted path, quoted."""
    own = {name: _may_be_on(field) for name, field in schema["properties"].items()}
    dotted = {
        f"{name}.{setting}": field
        for name, table in own.items()
        for setting, field in _settings(table, definitions).items()
    }
    preset = {"enum": list(PRESETS), "default": "mamlpp", "description": "the config to start from"}
    size = {"enum": list(SIZES), "description": "task and network size of the preset; absent: chosen by the data set"}
    description = "a preset, and any settings that override it"
    return {
        "type": "object", "description": description, "additionalProperties": False,
        "properties": {"preset": preset, "size": size, **own, **dotted},
    }  # fmt: skip


def _may_be_on(field: Tree) -> Tree:
    """Return a component's schema with "on", which spec files may write for its default settings."""
    if "anyOf" not in field or not any(one.get("const") == "off" for one in field["anyOf"]):
        return field
    return {**field, "anyOf": [{"enum": ["off", "on"]}, *(one for one in field["anyOf"] if "const" not in one)]}


def _settings(field: Tree, definitions: Mapping[str, Tree]) -> Tree:
    for one in (field, *field.get("anyOf", ())):
        found: Tree = definitions.get(str(one.get("$ref", "")).rpartition("/")[2], {}).get("properties", {})
        if found:
            return found
    return {}


DIMENSION: Tree = {
    "oneOf": [
        {
            "type": "object", "required": ["low", "high"], "additionalProperties": False,
            "properties": {
                "low": {"type": "number", "description": "the lowest value"},
                "high": {"type": "number", "description": "the highest value"},
                "log": {"type": "boolean", "description": "sample on a log scale"},
                "step": {"type": "number", "description": "sample from a grid with this step"},
            },
        },
        {
            "type": "object", "required": ["choices"], "additionalProperties": False,
            "properties": {"choices": {"type": "array", "minItems": 1, "description": "the values to choose from"}},
        },
    ]
}  # fmt: skip


def _space() -> Tree:
    """Return [space]: a preset, `fix`, `max_compute`, and a dimension for any setting, quoted or nested."""
    dimensions = {path: {"$ref": "#/$defs/Dimension"} for path in setting_paths()}
    tables = {path.partition(".")[0] for path in setting_paths() if "." in path}
    nested = {name: {"type": "object", "description": "ranges of its settings"} for name in sorted(tables)}
    return {
        "type": "object", "description": "the settings that a search varies", "additionalProperties": False,
        "properties": {
            "preset": {"enum": list(SPACES), "description": "a predefined space"},
            "fix": {"type": "object", "description": "settings with the same value in all trials"},
            "max_compute": {
                "type": "number", "exclusiveMinimum": 0,
                "description": "maximum compute of a trial, as a multiple of the base's",
            },
            **dimensions, **nested,
        },
    }  # fmt: skip


def _named(what: str, names: Mapping[str, str]) -> Tree:
    """Return [sampler] or [pruner]: a name, and any option of Optuna's class."""
    name = {"enum": list(names), "description": f"{what}, by name"}
    return {"type": "object", "description": f"{what}; other keys are its options", "required": ["name"],
            "properties": {"name": name}}  # fmt: skip


def _without_null(value: Any) -> Any:
    """Return a schema without null, which TOML does not have."""
    if isinstance(value, list):
        return [_without_null(one) for one in value if one != {"type": "null"}]
    if isinstance(value, dict):
        return {key: _without_null(one) for key, one in value.items() if not (key == "default" and one is None)}
    return value
