"""What pyproject.toml declares: every import, within bounds, and constraints.txt within them."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from .font_subsets import RELEASE
from .lowest import lowest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {"mamlab", "trainers", "search_spaces", "reports", "study", "tests", "benchmarks"}
SHIPPED = ("trainers", "search_spaces", "reports", "study")
BOUNDS = re.compile(r"([A-Za-z0-9_.-]+)>=([0-9.]+),<([0-9.]+)")


def plain(name: str) -> str:
    return name.lower().replace("_", "-")


def bounds(*groups: str) -> dict[str, tuple[str, str]]:
    """Return name: (lowest, first refused) of the run's dependencies and of the extras named."""
    wanted = list(PROJECT["dependencies"])
    for group in groups:
        wanted += PROJECT["optional-dependencies"][group]
    matches = [BOUNDS.fullmatch(one) for one in wanted if not one.startswith("mamlab[")]
    return {plain(match[1]): (match[2], match[3]) for match in matches if match}


def imported(package: str) -> set[str]:
    """Return the distributions that the files of a package import from, wherever the imports stand."""
    names: set[str] = set()
    for file in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add((node.module or "").partition(".")[0])
    installed = {"xdist": ["pytest-xdist"], **packages_distributions()}  # needed with `-n` alone
    return {plain(min(installed.get(name, [name]), key=len)) for name in names - OURS - sys.stdlib_module_names}


@pytest.mark.parametrize("package", SHIPPED)
def test_what_is_shipped_imports_nothing_that_is_not_declared(package: str) -> None:
    assert imported(package) - set(bounds("ray", "postgres")) == set()


@pytest.mark.parametrize("package", ["tests", "benchmarks"])
def test_tests_and_benchmarks_import_nothing_that_is_not_declared(package: str) -> None:
    assert imported(package) - set(bounds("ray", "postgres", "dev")) == set()


def test_every_dependency_has_a_lowest_release_and_an_end() -> None:
    assert len(lowest()) > 20  # raises where one lacks them


def version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text.partition("+")[0]))


def test_constraints_hold_a_release_of_every_dependency_within_its_bounds_and_nothing_of_one_machine() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", line) for line in lines)  # no paths, no addresses
    assert not [line for line in lines if line.lower().startswith(("nvidia", "cuda", "triton", "mamlab"))]
    pinned = {plain(name): version(release) for name, _, release in (line.partition("==") for line in lines)}
    for name, (first, end) in bounds("ray", "postgres", "dev").items():
        assert version(first) <= pinned[name] < version(end), name


def test_subsets_of_fonts_are_kept_with_the_pinned_release_of_matplotlib() -> None:
    assert f"matplotlib=={RELEASE}" in (ROOT / "constraints.txt").read_text().splitlines()
