"""The reports in docs/results: each follows from its raw results, and what the pages quote stands in one of them."""

import re
from pathlib import Path

import pytest

from reports.build import build_report
from reports.data.loading import from_files
from reports.verify import verify_documents
from trainers.fingerprint import fingerprint_of
from trainers.known_method import MAMLPP

DOCS = Path(__file__).parents[2] / "docs"
PUBLISHED = sorted(path.parent for path in (DOCS / "results").glob("*/runs.csv"))
QUOTED = re.compile(r"([+−]?\d+\.\d\d)(?: points)? (\[[^]]*\d\])")
"""A number with its interval."""


# a search's report takes longest to compute: one of the two among the slow tests
@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(folder, id=folder.name, marks=pytest.mark.slow if folder.name == "paper_search" else ())
        for folder in PUBLISHED
    ],
)
def test_every_number_of_a_published_report_follows_from_its_raw_results(folder: Path) -> None:
    assert verify_documents(folder, pages=False) == [], "if the reports were meant to change: make docs"


# with the releases of constraints.txt; other processors and releases draw other last digits of pictures
@pytest.mark.docs
@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)
def test_a_published_report_is_made_again_from_its_raw_results_byte_for_byte(folder: Path, tmp_path: Path) -> None:
    info, records = from_files(folder)
    build_report(records, info, tmp_path)
    published, made = (
        {path.relative_to(place): path.read_bytes() for place in [root] for path in root.rglob("*") if path.is_file()}
        for root in (folder, tmp_path)
    )
    different = [name for name in published.keys() | made.keys() if published.get(name) != made.get(name)]
    assert not different, "if the reports were meant to change: make docs"


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)
def test_a_published_run_s_parameters_say_the_whole_of_its_training(folder: Path) -> None:
    for run in from_files(folder)[1]:
        assert run.seed is not None
        assert (
            fingerprint_of(MAMLPP.from_settings(run.params), run.seed, run.tags["data_checksum"]) == run.fingerprint
        ), run.name


COMPUTED_ELSEWHERE = {
    ("+0.32", "[+0.05, +0.60]"), ("+1.61", "[+0.62, +2.59]"), ("+1.09", "[+0.43, +1.76]"), ("+1.23", "[+0.69, +1.76]"),
}  # fmt: skip
"""Not in a report, but computed from the raw results in test_publication.py."""


@pytest.mark.parametrize("page", ["results/README.md", "../README.md"])
def test_every_interval_that_a_page_quotes_stands_in_a_published_report(page: str) -> None:
    reports = "".join((folder / "report.md").read_text(encoding="utf-8") for folder in PUBLISHED).replace("\\", "")
    quoted = QUOTED.findall((DOCS / page).read_text(encoding="utf-8"))
    assert quoted
    missing = [
        (mean, interval)
        for mean, interval in quoted
        if (mean, interval) not in COMPUTED_ELSEWHERE
        and not re.search(rf"(?<![\d.]){re.escape(mean)}\*?\*?( \| | ){re.escape(interval)}", reports)
    ]
    assert not missing
