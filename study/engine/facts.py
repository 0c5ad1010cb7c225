"""Writes a study's facts to MLflow: an artifact of its parent run, which is read back and compared, and short tags."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from reports import records
from reports.data.facts import PLAIN, fetch_facts
from trainers.data import ImageFolder
from trainers.errors import InputError

from ..spec.config import StudyConfig
from ..spec.searched_space import dimensions

TAG_LIMIT = 5000
"""Characters in a tag. MLflow allows 8,000 and silently truncates longer values; earlier servers allow 5,000."""
ELSEWHERE = f"too long for a tag; see the artifact {records.FACTS_FILE}"
MARK = " [...]"
TEXTS = ("space_hash", records.TAG_DATA_PATH)
"""Facts stored as plain text, which no report reads."""


def facts_of(config: StudyConfig) -> dict[str, Any]:
    """Return the study's facts by tag name, ready for JSON."""
    found: dict[str, Any] = {}
    if config.families:
        found[records.TAG_FAMILIES] = [[family.name, family.comparisons] for family in config.families]
    if design := config.factorial or config.sweep:
        found[records.TAG_DESIGN] = asdict(design)
    if config.across:
        found[records.TAG_ACROSS] = asdict(config.across)
    if config.ablation and (origin := config.ablation.origin):
        found[records.TAG_ORIGIN] = origin.model_dump(mode="json")
    if config.ablation and config.ablation.test != "max_t":
        found[records.TAG_TEST] = config.ablation.test
    if config.ablation and config.ablation.adjust != "family":
        found[records.TAG_ADJUST] = config.ablation.adjust
    if config.trained_by:
        found[records.TAG_TRAINED_BY] = config.trained_by
    if config.trusted:
        found[records.TAG_TRUSTED] = config.trusted
    if config.trained_by and not config.method.is_mamlpp and config.method.pairing:
        found[records.TAG_PAIRING] = config.method.pairing
    if config.ablation and config.ablation.looks:
        found[records.TAG_LOOKS] = list(config.ablation.looks)
    if config.ablation and config.ablation.margin is not None:
        found[records.TAG_MARGIN] = config.ablation.margin
    if isinstance(config.data, ImageFolder):
        found[records.TAG_DATA_PATH] = str(config.data.path)
    if config.space is not None:
        found |= {
            records.TAG_SEARCHED: sorted(config.space.dimensions),
            records.TAG_SPACE: dimensions(config.space),
            records.TAG_SCORE: config.study.score,
            "space_hash": config.space.hash,
        }
    if config.finalists:
        found[records.TAG_FINALISTS] = config.finalists
    return found


def write_facts(client: Any, run_id: str, study: str, facts: Mapping[str, Any]) -> None:
    """Write the facts as an artifact of the parent run. Raises ValueError unless they can be read back unchanged."""
    text = json.dumps(facts, indent=1)
    client.log_text(run_id, text, records.FACTS_FILE)
    try:
        kept = fetch_facts(client, run_id)
    except ValueError:
        kept = None
    if kept != json.loads(text):
        raise InputError(
            f'study "{study}": MLflow did not store {records.FACTS_FILE} correctly, so no report could be written; '
            "nothing was trained. Check that its artifact folder is writable and has free space, then start again"
        )


def tags_of(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the facts as tags for display and filtering; one that is too long refers to the artifact."""
    text = {name: str(value) if name in (*PLAIN, *TEXTS) else json.dumps(value) for name, value in facts.items()}
    return {name: value if len(value) <= TAG_LIMIT else ELSEWHERE for name, value in text.items()}


def sentence(text: str) -> str:
    """Return a text that every store accepts as a tag: without invalid characters, and truncated with a mark."""
    clean = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return clean if len(clean) <= TAG_LIMIT else clean[: TAG_LIMIT - len(MARK)] + MARK
