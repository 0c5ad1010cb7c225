"""One object answers what pages, frames and commands show."""

import json
from pathlib import Path

import pytest

import mamlab
from reports.document import compose
from reports.records import StudyInfo
from reports.render.tables_json import TABLES, headline_in, to_json
from reports.results import Results
from reports.statistics.summary import Ablation, Search
from reports.tables.objects import study_object

from . import example

STUDIES = {"ablation": (example.ABLATION, example.ablation()), "search": (example.SEARCH, example.search(12))}


@pytest.mark.parametrize("kind", STUDIES)
def test_headline_and_tables_are_those_of_the_page(kind: str, tmp_path: Path) -> None:
    info, records = STUDIES[kind]
    found, page = mamlab.Result(info, tuple(records)), to_json(compose(records, info))
    (tmp_path / TABLES).write_text(page)
    assert [*found.headline] == headline_in(tmp_path)
    assert {title: frame.to_numpy().tolist() for title, frame in found.tables.items() if title != "Runs"} == {
        table["title"]: table["texts"] for table in json.loads(page)["tables"]
    }


def test_an_ablation_has_one_summary_for_frames_and_objects() -> None:
    info, records = STUDIES["ablation"]
    found = mamlab.Result(info, tuple(records))
    assert isinstance(found.summary, Ablation)
    assert found.summary is found.summary
    told = study_object(info, records, found.summary)["comparisons"]
    frame = found.comparisons
    for ours, theirs in {"verdict": "verdict", "finding": "finding", "p_adjusted": "p_adjusted"}.items():
        assert frame[ours].tolist() == [one[theirs] for one in told]
    assert found.arms["arm"].tolist() == [arm.name for arm in found.summary.arms]
    assert (len(found.trials), len(found.changes)) == (0, 0)
    assert found.headline[0] in found._repr_html_().replace("&#x27;", "'")


def test_a_search_has_its_trials_and_a_training_no_arms() -> None:
    info, records = STUDIES["search"]
    found = mamlab.Result(info, tuple(records))
    assert isinstance(found.summary, Search)
    assert found.trials["rank"].min() == 1
    assert (len(found.arms), len(found.comparisons)) == (0, 0)
    single = mamlab.Result(StudyInfo("one", "train"), tuple(example.ablation()[:1]))
    assert (len(single.arms), len(single.comparisons), len(single.runs)) == (0, 0, 1)
    assert isinstance(Results(single.info, single.records).summary, Ablation)
