"""The JSON schema of spec files takes what mamlab takes, and names what it does not know."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from study.cli.main import run
from study.spec.parsing import parse_spec
from study.spec.schema import spec_schema

from .store_rows import ABLATION, SEARCH
from .test_methods import SEARCH as METHOD_SEARCH

ROOT = Path(__file__).parents[2]
SCHEMA = spec_schema()
TYPES: dict[str, Any] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float),
}  # fmt: skip


def problems(value: Any, schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield what of `value` the schema does not take: as much of JSON Schema as ours uses."""
    if "$ref" in schema:
        yield from problems(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], path)
        return
    for word in ("anyOf", "oneOf"):
        if word in schema and not any(not list(problems(value, one, path)) for one in schema[word]):
            yield f"{path}: fits none of {word}"
    if "if" in schema and list(problems(value, schema["if"], path)):
        yield from problems(value, schema["else"], path)
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{path}: {value!r} is not {schema['const']!r}"
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        yield f"{path}: {value!r} is no {kind}"
        return
    if isinstance(value, dict):
        yield from (f"{path}: lacks {name}" for name in schema.get("required", ()) if name not in value)
        for key, one in value.items():
            own = schema.get("properties", {}).get(key)
            if own is not None:
                yield from problems(one, own, f"{path}.{key}")
            elif schema.get("additionalProperties") is False:
                yield f"{path}.{key}: unknown"
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from problems(one, schema.get("items", {}), f"{path}[{number}]")


MORE = """
[space.lslr]
granularity = { choices = ["shared", "per_layer"] }
"""
ARMS = '[[ablation.arms]]\nname = "a"\n[[ablation.arms]]\nname = "b"\nset = { "outer.lr" = 0.1 }\n'
SPECS = {
    "search": SEARCH.format(trials=2, workers=1),
    "nested": SEARCH.format(trials=2, workers=1).replace("[sampler]", f"{MORE}[sampler]"),
    "ablation": ABLATION.format(name="arms", seeds=2, workers=1, retries=0) + ARMS,
    **{file.name: file.read_text() for file in sorted((ROOT / "examples").glob("*.toml"))},
    "a method": METHOD_SEARCH,
}


@pytest.mark.parametrize("text", SPECS.values(), ids=SPECS)
def test_what_mamlab_reads_fits_the_schema(text: str) -> None:
    parse_spec(text)
    assert list(problems(tomllib.loads(text), SCHEMA)) == []


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("seed = 3", "sede = 3", ".study.sede: unknown"),
        ('name = "tpe"', 'name = "tp"', ".sampler.name: 'tp' is none of"),
        ('source = "glyphs"', 'source = "glyph"', ".data: fits none of oneOf"),
        ("low = 2, high = 5", "low = 2, hihg = 5", ".space.inner.steps: fits none of oneOf"),
        ('"inner.steps"', '"inner.step"', ".space.inner.step: unknown"),
        ("[trainer]", '[trainer]\npreset = "mamlp"', ".trainer.preset: 'mamlp' is none of"),
        ("[trainer]", '[trainer]\nmsl = "yes"', ".trainer.msl: fits none of anyOf"),
    ],
)
def test_what_it_does_not_read_does_not(old: str, new: str, wrong: str) -> None:
    assert old in SPECS["search"]
    found = list(problems(tomllib.loads(SPECS["search"].replace(old, new)), SCHEMA))
    assert any(one.startswith(wrong) for one in found), found


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == json.loads(json.dumps(SCHEMA))
    assert not printed.err
    assert {"type": "null"} not in json.loads(printed.out)["$defs"].values()
