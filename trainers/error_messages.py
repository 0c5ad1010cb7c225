"""Turns pydantic's errors into one-line messages: dotted path, rule, value, remedy. Class names never appear."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

_COMPARED = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a text in quotes",
    "bool_type": "true or false",
    "model_type": "a table of settings",
    "model_attributes_type": "a table of settings",
    "dict_type": "a table",
    "list_type": "a list",
    "tuple_type": "a list",
    "path_type": "a path in quotes",
    "is_instance_of": "a path in quotes",
    "none_required": "absent",
}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the entry of `known` most similar to `word`, or None if none is similar."""
    entries = list(known)
    spelt = word.replace("+", "p")  # maml++ is mamlpp
    return next(iter(difflib.get_close_matches(spelt, entries, n=1, cutoff=0.55)), None)


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """Return "unknown WHAT; did you mean X? (known: ...)", without the guess if no known name is similar."""
    names = list(known)
    guess = nearest(word, names)
    return f"unknown {what}{f'; did you mean {guess}?' if guess else ''} (known: {', '.join(names)})"


def show(value: Any) -> str:
    """Return `value` as a spec file would write it, shortened; tables and lists are only called by their kind."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def explain(error: ValidationError, root: type[BaseModel], prefix: str = "") -> str:
    """Return what is wrong with the input of `root`, a line for each setting, by dotted path.

    Args:
        error: what `root.model_validate` raised.
        root: the model that the locations in `error` start from.
        prefix: where `root` stands in the user's file ("trainer"); put before each path.
    """
    rules: dict[str, list[tuple[str, Any, bool]]] = {}
    for item in error.errors(include_url=False):
        path, model, field = _walk(item["loc"], root, item["type"] == "extra_forbidden")
        dotted = ".".join([*prefix.split("."), *path]).strip(".")
        phrase, whole = _phrase(item, path, model, field)
        rules.setdefault(dotted, []).append((phrase, item["input"], whole))
    # A branch "off" of a union also fails when the error is inside the table: only the deeper one is said.
    shown = {path for path in rules if not any(other.startswith(path + ".") for other in rules)}
    return "\n".join(_line(path, rules[path]) for path in rules if path in shown or any(r[2] for r in rules[path]))


def _line(path: str, found: list[tuple[str, Any, bool]]) -> str:
    sentences = [phrase for phrase, _, whole in found if whole]
    if sentences:
        return f"{path}: {'; '.join(dict.fromkeys(sentences))}" if path else "; ".join(sentences)
    phrases = list(dict.fromkeys(phrase for phrase, _, _ in found))
    if '"off"' in phrases and "a table of settings" in phrases:
        phrases = ['"off"', '"on"', "a table of settings"]
    value = found[0][1]
    text = f"{path}: must be {' or '.join(phrases)}, not {show(value)}"
    choices = re.findall(r'"([^"]*)"', " ".join(phrases))
    guess = nearest(value, choices) if isinstance(value, str) else None
    return text + (f'; did you mean "{guess}"?' if guess else "")


def _phrase(item: Any, path: list[str], model: type[BaseModel] | None, field: FieldInfo | None) -> tuple[str, bool]:
    """Return what the value must be, and whether that is already a complete sentence."""
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(path[-1], model), True
    if kind == "invalid_key":
        return "the name of a setting must be a text", True
    if kind == "missing":
        return f"missing; {field.description if field and field.description else 'write it'}", True
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", item["msg"])), True
    if kind == "union_tag_not_found":
        return f"{_unquoted(context['discriminator'])} is missing; say which", True
    if kind == "union_tag_invalid":
        known = [_unquoted(tag) for tag in context["expected_tags"].split(", ")]
        return f"{_unquoted(context['discriminator'])} = {show(context['tag'])}: " + unknown(
            "value", context["tag"], known
        ), True
    if kind == "string_pattern_mismatch":
        said = field.description if field and field.description else ""
        rule = said if said.startswith("must") else f"must match {context['pattern']} ({said})"
        return f"{rule}, not {show(item['input'])}", True
    if kind == "literal_error":
        choices = str(context["expected"]).replace("'", '"').replace('" or "', '", "')
        return f"one of {choices}" if ", " in choices else choices, False
    for bound, words in _COMPARED.items():
        if bound in context:
            return f"{words} {context[bound]}", False
    return (_TYPES[kind], False) if kind in _TYPES else (item["msg"], True)


def _unknown_key(key: str, model: type[BaseModel] | None) -> str:
    """Return the message for a key that `model` does not have; a section of it may."""
    fields = model.model_fields if model else {}
    below = {
        f"{name}.{key}": 0 for name in fields for one in models_of(fields[name].annotation) if key in one.model_fields
    }
    return f"unknown key; did you mean {' or '.join(below)}?" if below else unknown("key", key, fields)


def _unquoted(text: str) -> str:
    return text.strip().strip("'")


def _walk(
    location: tuple[int | str, ...], root: type[BaseModel], extra: bool
) -> tuple[list[str], type[BaseModel] | None, FieldInfo | None]:
    """Return the path without the parts that pydantic adds for unions, the model of its last key, and that key's field.

    Between the keys, a location contains the class or tag of a union's branch; these are not keys, but select the
    branch.
    """
    path: list[str] = []
    branches: list[type[BaseModel]] = [root]
    model: type[BaseModel] | None = root
    field: FieldInfo | None = None
    for place, key in enumerate(location):
        last = place == len(location) - 1
        picked = [b for b in branches if b.__name__ == key or _tag(b) == key]
        if isinstance(key, int):
            path[-1:] = [f"{path[-1]}[{key}]" if path else f"[{key}]"]
        elif picked and len(path) > 0 and not (last and extra):
            branches = picked
        elif holder := next((b for b in branches if key in b.model_fields), None):
            model, field = holder, holder.model_fields[key]
            branches = models_of(field.annotation)
            path.append(key)
        elif (last and extra) or not branches:
            model = branches[0] if branches else model
            path.extend([key] if last and extra else [])
    return path, model, field


def _tag(model: type[BaseModel]) -> Any:
    source = model.model_fields.get("source")
    return next(iter(typing.get_args(source.annotation)), None) if source else None


def models_of(annotation: Any) -> list[type[BaseModel]]:
    """Return the settings classes that `annotation` may hold, in unions, lists and annotated types."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in typing.get_args(annotation) for model in models_of(part)]
