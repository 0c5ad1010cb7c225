"""Facts about a whole study, kept by its own run in MLflow in one artifact, because tags have a length limit."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import records as names
from ..records import ReportError, RunRecord

if TYPE_CHECKING:
    from mlflow.entities import Run

PLAIN = (names.TAG_SCORE, names.TAG_TEST, names.TAG_ADJUST, names.TAG_TRAINED_BY, names.TAG_PAIRING, names.TAG_TRUSTED)
"""Facts whose tag is plain text, not JSON."""
FACTS = (
    names.TAG_FAMILIES,
    names.TAG_DESIGN,
    names.TAG_ACROSS,
    names.TAG_ORIGIN,
    names.TAG_SEARCHED,
    names.TAG_FINALISTS,
    names.TAG_SPACE,
    names.TAG_LOOKS,
    names.TAG_MARGIN,
    *PLAIN,
)


def read_facts(client: Any, parent: Run) -> dict[str, Any]:
    """Return the facts that a study has, by the names of `FACTS`, from its own run `parent`.

    They are read from the artifact `study_facts.json`, and from the tags where there is none (earlier versions wrote
    only these). Raises ReportError for a truncated artifact or tag.
    """
    if names.FACTS_FILE not in {artifact.path for artifact in client.list_artifacts(parent.info.run_id)}:
        return facts_in(parent.data.tags)
    try:
        found = fetch_facts(client, parent.info.run_id)
    except ValueError:
        raise ReportError(_cut(f"the artifact {names.FACTS_FILE}", parent.data.tags)) from None
    return {name: found[name] for name in FACTS if name in found}


def fetch_facts(client: Any, run_id: str) -> dict[str, Any]:
    """Return the object in a run's artifact `study_facts.json`. Raises ValueError if it holds no JSON object."""
    with tempfile.TemporaryDirectory() as folder:
        path = client.download_artifacts(run_id, names.FACTS_FILE, folder)
        tree = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(tree, dict):
        raise ValueError("no JSON object")
    return tree


def facts_in(tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the facts in the tags of a study's own run. Raises ReportError for a truncated tag."""
    return {name: _value(name, tags) for name in FACTS if tags.get(name)}


def _value(name: str, tags: Mapping[str, str]) -> Any:
    text = tags[name]
    try:
        return text if name in PLAIN else json.loads(text)
    except ValueError:
        raise ReportError(_cut(f'the tag "{name}" ({len(text)} characters)', tags)) from None


def json_tag(record: RunRecord, name: str) -> Any:
    """Return the JSON value of a run's tag, None without the tag; text that is not JSON is returned as it is. Raises
    ReportError for truncated JSON.
    """
    text = record.tags.get(name, "")
    try:
        return json.loads(text) if text else None
    except ValueError:
        if not text.startswith(("{", "[")):
            return text
        raise ReportError(
            f'study "{record.study}", run "{record.name}" ({record.run_id}): its tag "{name}" is truncated ({len(text)}'
            " characters of broken JSON) and cannot be read. Delete the tag on the run's page in the MLflow UI"
            " (mamlab ui): then it counts as unknown"
        ) from None


def _cut(what: str, tags: Mapping[str, str]) -> str:
    study, kind = tags.get(names.TAG_STUDY, ""), tags.get(names.TAG_KIND, "")
    command = "mamlab " + {names.SEARCH: "search", names.ABLATION: "ablate"}.get(kind, "train")
    return (
        f'study "{study}": {what} of its own run in MLflow is truncated, so that part of the study cannot be read.'
        f" Start the study again with its spec file ({command} SPEC): that writes it anew and trains nothing that is"
        " done"
    )


def dropped_settings(record: RunRecord) -> dict[str, str]:
    """Return path -> reason of the settings that normalising dropped; an unreadable tag is returned as text."""
    tree = json_tag(record, names.TAG_DROPPED) or {}
    if isinstance(tree, dict):
        return {str(path): str(reason) for path, reason in tree.items()}
    items = (i if isinstance(i, dict) else {"path": i} for i in (tree if isinstance(tree, list) else [tree]))
    return {str(i.get("path", i)): str(i.get("reason", "")) for i in items}
