"""Every command in the documentation works: pages are followed as a reader would, each in an empty folder.

Blocks of a page run in their order: `sh` line by line, `python` as a program, and a block whose first line is `# file:
NAME` is written to that file. Blocks of other languages, or of none, are for reading.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.spec.parsing import load_spec
from study.spec.reference import reference

from . import notebooks
from .study_tests.servers import Postgres

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page.relative_to(ROOT).as_posix() for page in [ROOT / "README.md", *DOCS.rglob("*.md")])
NOTEBOOKS = sorted(page.relative_to(ROOT).as_posix() for page in (ROOT / "examples").glob("*.ipynb"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# file: (\S+)\n")
ELSEWHERE = {"docs/own_images.md", "docs/models.md"}
"""Pages that are followed by a test which brings their pictures: test_own_images.py."""
CLUSTERS = {"docs/ray.md", "docs/cluster.md"}
"""Pages whose commands start a cluster: followed whole, where 10.0.0.1 and 10.0.0.2 are this machine's and nobody
else's.
"""
OWN_NETWORK = [
    "unshare", "--user", "--map-root-user", "--net", "--pid", "--kill-child", "--mount", "--mount-proc",
]  # fmt: skip
"""With `--kill-child`, the cluster ends with the test, also if the test times out."""
TWO_MACHINES = "ip link set lo up && ip addr add 10.0.0.1/24 dev lo && ip addr add 10.0.0.2/24 dev lo"
CODE = ("mamlab", "study", "reports", "trainers", "search_spaces", "benchmarks", "tests", "examples", "docs")
CODE_FILE = re.compile(r"`([\w./-]+\.py)`")
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Yield (language, text) of a page's fenced blocks that have a language."""
    for match in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")):
        yield match[1], match[2]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [link for link in LINK.findall(text) if "://" not in link and not link.startswith("mailto:")]
    missing = [link for link in targets if not ((ROOT / page).parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", [*PAGES, "ARCHITECTURE.md", "CONTRIBUTING.md", "EXPERIMENTS.md"])
def test_files_of_code_that_a_page_names_are_there(page: str) -> None:
    files = [f"/{path.relative_to(ROOT).as_posix()}" for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    named = CODE_FILE.findall((ROOT / page).read_text(encoding="utf-8"))
    missing = [name for name in named if not any(file.endswith(f"/{name}") for file in files)]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_spec_files_in_pages_are_valid(page: str, tmp_path: Path) -> None:
    for language, text in blocks(page):
        name = FILE.match(text)
        if name:
            (tmp_path / name[1]).write_text(text, encoding="utf-8")
        if language == "toml" and name and "[study]" in text:
            assert load_spec(tmp_path / name[1]).study.name


def test_the_reference_of_spec_files_is_what_the_types_say() -> None:
    assert (DOCS / "spec.md").read_text(encoding="utf-8") == reference(), "renew it with: make docs"


@pytest.mark.docs
@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if p not in ELSEWHERE | CLUSTERS and any(kind in ("sh", "python") for kind, _ in blocks(p))],
)
def test_a_page_can_be_followed(page: str, tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    _give_omniglot(tmp_path / "runs" / "data")
    for language, text in blocks(page):
        if name := FILE.match(text):
            (tmp_path / name[1]).write_text(text, encoding="utf-8")
        commands = {"sh": ["bash", "-euxo", "pipefail", "-c", text], "python": [sys.executable, "-c", text]}
        if command := commands.get(language):
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1200)
            assert done.returncode == 0, f"{page}:\n{text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.mark.docs
@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run([*OWN_NETWORK, "true"], check=False).returncode != 0,
    reason="no user namespaces here, so no network of its own for a cluster",
)
@pytest.mark.parametrize("page", sorted(CLUSTERS))
def test_a_cluster_is_made_used_and_stopped_as_a_page_says(page: str, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason='pip install "mamlab[ray]"')
    environment = _environment(tmp_path) | {"HOME": str(tmp_path)}
    commands = [TWO_MACHINES, "set -x"]
    for language, text in blocks(page):
        if name := FILE.match(text):
            (tmp_path / name[1]).write_text(text, encoding="utf-8")
        elif language == "sh":
            commands.append(text)
    server = Postgres() if (tmp_path / "stores.toml").exists() else None
    if server:
        server.open_to_all()
        environment |= {f"MAMLAB_{store.upper()}_URL": server.database(store) for store in ("optuna", "mlflow")}
    try:
        followed = [*OWN_NETWORK, "bash", "-euo", "pipefail", "-c", "\n".join([*commands, "pgrep -c raylet || true"])]
        done = subprocess.run(followed, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1200)
    finally:
        if server:
            server.close()
    assert done.returncode == 0, f"{page}:\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    assert "4 complete" in done.stdout
    assert "Stopped all" in done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "0"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_kept_with_what_its_cells_show(name: str) -> None:
    cells = notebooks.code(notebooks.read(ROOT / name))
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [out for cell in cells for out in cell["outputs"] if out["output_type"] == "error"]
    assert str(ROOT) not in (ROOT / name).read_text(encoding="utf-8")


def test_cells_run_in_one_namespace_and_show_what_they_print_and_end_with() -> None:
    cells = [{"cell_type": "code", "source": source} for source in (["x = 2\n", "print(x)"], ["x + 1"], ["y = x"])]
    shown = notebooks.renewed({"cells": [*cells, {"cell_type": "markdown", "source": ["x"]}]})["cells"]
    assert [out["text"] for out in shown[0]["outputs"]] == [["2\n"]]
    assert [out["data"]["text/plain"] for out in shown[1]["outputs"]] == [["3"]]
    assert shown[2]["outputs"] == []
    with pytest.raises(ZeroDivisionError):
        notebooks.renewed({"cells": [{"cell_type": "code", "source": ["1 / 0"]}]})


@pytest.mark.docs
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_from_its_first_cell_to_its_last(name: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / name, tmp_path / "copy.ipynb")
    command = [sys.executable, "-m", "tests.notebooks", "copy.ipynb"]
    done = subprocess.run(
        command, cwd=tmp_path, env=_environment(tmp_path), capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment of a reader with mamlab on his path, whose home is in `folder`."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    ours = {"PATH": path, "PYTHONPATH": str(ROOT), "MAMLAB_HOME": str(folder / "runs"), "OMP_NUM_THREADS": "1"}
    return theirs | ours


def _give_omniglot(data: Path) -> None:
    """Put Omniglot where a page's commands look for it, if there is a copy; else they download it."""
    copy = Path(os.environ.get("MAMLAB_TEST_DATA", "nowhere")) / "data" / "omniglot-py"
    if copy.is_dir():
        shutil.copytree(copy, data / "omniglot-py")
