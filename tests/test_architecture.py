"""The architecture is read from the imports: `python -m tests.test_architecture` prints it.

Which package may import which, in which order the sub-packages stand, no import cycles, no long files, what the wheel
contains, what a package costs to import.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from collections.abc import Container, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "trainers": set(),
    "search_spaces": {"trainers"},
    "reports": set(),
    "study": {"trainers", "search_spaces", "reports"},
}
SHARED = {"trainers.errors", "reports.metric"}
"""Files that every package may import: they import nothing but each other."""
PACKAGES = set(ALLOWED)
ENTRY_POINT = "mamlab"
"""The entry point: a package which may import the four others, and which none of them imports."""
FORBIDDEN = {
    "trainers": {"optuna", "mlflow", "pandas"},
    "search_spaces": {"mlflow", "pandas"},
    "reports": {"torch", "torchvision"},
    "study": set(),
}
ORDER = {
    "study": (
        "cli",
        "python",
        "repair",
        "reporting",
        "rearranged",
        "mlflow_ui",
        "planning",
        "followup",
        "models",
        "warm_start",
        "looks",
        "results",
        "display",
        "engine",
        "workers",
        "spec",
        "stores",
        "stopping",
        "commit",
        "processes",
        "name_conflicts",
        "json_output",
        "text",
    ),
    "reports": (
        "verify",
        "build",
        "results",
        "render",
        "document",
        "links",
        "sentences",
        "components",
        "setting",
        "section",
        "figures",
        "tables",
        "text",
        "statistics",
        "data",
        "records",
        "recorded_looks",
        "designs",
        "metric",
        "origin",
        "summary_runs",
        "escaping",
    ),
    "trainers": ("mamlpp", "models", "data"),
}
"""Sub-packages, and files beside them: each may import those below it, and none above it. Of `trainers`, only the
sub-packages: its files beside them use each other freely, without cycles."""
LONGEST = 300
"""Lines of a file outside tests."""


@cache
def modules() -> dict[str, Path]:
    """Every file of the four packages and of the entry point by its dotted name."""
    found = {}
    for package in sorted(PACKAGES | {ENTRY_POINT}):
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def import_nodes(file: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    """All imports of a file, also inside functions."""
    return (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Import | ast.ImportFrom))


def top_level_names(file: Path, without: Container[str] = ()) -> set[str]:
    """First words of all absolute imports of a file but those of the modules `without`."""
    found: set[str] = set()
    for node in import_nodes(file):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif not node.level and node.module not in without:
            found.add((node.module or "").partition(".")[0])
    return found


@cache
def graph() -> dict[str, set[str]]:
    """Which files of ours each file imports, also for types alone."""
    return {name: set(_targets(name, file)) - {name} for name, file in modules().items()}


def _targets(name: str, file: Path) -> Iterator[str]:
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in import_nodes(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules())
            continue
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        target = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            inside = f"{target}.{alias.name}"
            if inside in modules() or target in modules():
                yield inside if inside in modules() else target


def cycles() -> list[list[str]]:
    """Groups of files that import each other, directly or through others."""
    found, reach = [], {name: _reachable(name) for name in graph()}
    left = set(graph())
    while left:
        name = min(left)
        group = {other for other in reach[name] if name in reach[other]} | {name}
        if len(group) > 1:
            found.append(sorted(group))
        left -= group
    return found


def _reachable(name: str) -> set[str]:
    seen: set[str] = set()
    todo = [name]
    while todo:
        new = graph().get(todo.pop(), set()) - seen
        seen |= new
        todo += new
    return seen


def part(module: str) -> str:
    """The sub-package of a file, or the file itself beside them: the second part of its dotted name."""
    return module.split(".")[1] if "." in module else ""


def upward(package: str) -> list[str]:
    """Imports that go against the order of the package's parts."""
    order = ORDER[package]
    pairs = [(name, target) for name in graph() for target in graph()[name]]
    inside = [(a, b) for a, b in pairs if a.startswith(package + ".") and b.startswith(package + ".")]
    ranked = [(a, b) for a, b in inside if part(a) in order and part(b) in order]
    return [f"{a} imports {b}" for a, b in ranked if order.index(part(a)) > order.index(part(b))]


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_imports_follow_the_arrows(package: str) -> None:
    for file in sorted((ROOT / package).rglob("*.py")):
        names = top_level_names(file, SHARED)
        ours = names & (PACKAGES | {ENTRY_POINT})
        assert ours <= ALLOWED[package] | {package}, f"{file} imports {ours}"
        assert not names & FORBIDDEN[package], f"{file} imports {names & FORBIDDEN[package]}"


def test_an_error_of_ours_is_one_that_a_user_can_fix_or_is_caught_inside() -> None:
    inside = {"DepthError", "DiskError", "MamlabError", "StaleAttempt", "NotFinite"}
    bare = re.compile(
        r"^class (\w+)\((?:Exception|ArithmeticError|ValueError|RuntimeError|TypeError|KeyError|OSError)\)", re.M
    )
    found = {name for file in modules().values() for name in bare.findall(file.read_text())}
    assert found - inside == set(), "derive it from trainers.errors.MamlabError, or name it here if nobody sees it"


@pytest.mark.parametrize("package", sorted(ORDER))
def test_sub_packages_import_each_other_in_one_direction_only(package: str) -> None:
    assert upward(package) == []


def test_the_order_names_every_part() -> None:
    for package in ("study", "reports"):
        assert {part(name) for name in modules() if name.startswith(package + ".")} <= {*ORDER[package]}
    assert {file.parent.name for file in (ROOT / "trainers").glob("*/__init__.py")} == {*ORDER["trainers"]}


def test_no_import_cycles() -> None:
    assert cycles() == []


def test_every_file_is_short_and_has_a_docstring() -> None:
    for name, file in modules().items():
        text = file.read_text()
        assert text.count("\n") <= LONGEST, f"{name} has {text.count(chr(10))} lines"
        assert ast.get_docstring(ast.parse(text)), f"{name} has no docstring"


def test_no_file_only_passes_through() -> None:
    for name, file in modules().items():
        if file.name != "__init__.py":
            body = [
                node
                for node in ast.parse(file.read_text()).body
                if not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr)
            ]
            assert body, f"{name} only passes through to another file"


def test_nobody_imports_the_bare_study_package() -> None:
    for file in ROOT.glob("*/**/*.py"):
        if file.parts[len(ROOT.parts)].startswith("."):
            continue
        for node in import_nodes(file):
            if isinstance(node, ast.Import):
                assert "study" not in [alias.asname or alias.name for alias in node.names], file


def test_every_test_folder_is_a_package_and_hides_none() -> None:
    for folder in [ROOT / "tests", *(f for f in (ROOT / "tests").rglob("*") if f.is_dir() and f.name != "__pycache__")]:
        if any(folder.glob("*.py")):
            assert (folder / "__init__.py").exists(), folder
        assert folder.name not in PACKAGES, folder


def test_the_wheel_holds_exactly_the_four_packages_and_the_entry_point(tmp_path: Path) -> None:
    build = "from hatchling.build import build_wheel; import sys; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wheel = tmp_path / done.stdout.split()[-1]
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        metadata = next(file.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    assert "Classifier: Typing :: Typed" in metadata
    assert not re.search(r"\]\((?!https?:)", metadata.partition("\n\n")[2])  # an index shows it without the files
    if "study/commit.txt" in names:  # not where there is no checkout
        names.remove("study/commit.txt")
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES | {ENTRY_POINT}
    for package in PACKAGES | {ENTRY_POINT}:
        assert f"{package}/py.typed" in names
        ours = {
            str(f.relative_to(ROOT))
            for f in (ROOT / package).rglob("*")
            if f.is_file() and "__pycache__" not in f.parts
        }
        found = [f for f in (ROOT / "examples").rglob("*") if f.is_file() and "__pycache__" not in f.parts]
        examples = {f"study/{f.relative_to(ROOT)}" for f in found}
        wanted = ours | examples if package == "study" else ours
        assert wanted == {name for name in names if name.startswith(package + "/")}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("mamlab", {"torch", "mlflow", "optuna", "pandas", "pydantic", "rich", "study"}),
        ("trainers", {"torch", "optuna", "mlflow", "pandas"}),
        ("trainers.config", {"torch", "optuna", "mlflow"}),
        ("search_spaces", {"torch", "mlflow"}),
        ("reports.records", {"torch", "mlflow", "optuna"}),
        ("study.cli.main", {"torch", "mlflow", "optuna", "pandas", "matplotlib"}),
        ("study.cli.space, study.cli.data_sheet", {"torch", "mlflow", "optuna", "pandas", "scipy"}),
        ("study.spec.set_options", {"torch", "mlflow", "optuna", "pandas", "scipy"}),
        ("study.repair.clean, study.repair.delete, study.mlflow_ui.server", {"torch", "scipy", "matplotlib"}),
        ("study.repair.doctor", {"scipy", "matplotlib"}),
        ("study.reporting, study.cli.verifying, study.python.comparing", {"torch"}),
    ],
)
def test_light_modules_stay_light(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""


def print_architecture() -> None:
    """Print the files and lines of each part, in import order, and all import cycles."""
    print(f"{'part':<28}{'files':>6}{'lines':>8}{'longest':>9}")
    for package in ("study", "reports", "search_spaces", "trainers"):
        names = [name for name in modules() if name.split(".")[0] == package]
        for one in [*dict.fromkeys([*ORDER.get(package, ()), *sorted({part(name) for name in names if part(name)})])]:
            lines = [modules()[name].read_text().count("\n") for name in names if part(name) == one]
            if lines:
                print(f"{package + '.' + one:<28}{len(lines):>6}{sum(lines):>8}{max(lines):>9}")
        total = sum(modules()[name].read_text().count("\n") for name in names)
        print(f"{package:<28}{len(names):>6}{total:>8}\n")
    print("import cycles:", len(cycles()), *cycles(), sep="\n  " if cycles() else " ")
    for package in ORDER:
        for line in upward(package):
            print("against the order:", line)


if __name__ == "__main__":
    print_architecture()
    sys.exit(bool(cycles() or any(upward(package) for package in ORDER)))


def test_every_name_that_a_package_offers_is_there() -> None:
    for package in sorted(PACKAGES):
        found = import_module(package)
        assert [name for name in getattr(found, "__all__", ()) if not hasattr(found, name)] == []
