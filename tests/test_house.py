"""The house keeps its shape: who may import whom, what the wheel holds, what the package costs to import."""

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"trainers", "search_spaces", "reports", "study"}
ALLOWED = {
    "trainers": set(),
    "search_spaces": {"trainers"},
    "reports": set(),
    "study": {"trainers", "search_spaces", "reports"},
}
FORBIDDEN = {
    "trainers": {"optuna", "mlflow", "pandas"},
    "search_spaces": {"mlflow", "pandas"},
    "reports": {"torch", "torchvision"},
    "study": set(),
}


def imports(file: Path) -> set[str]:
    """Top-level names of all absolute imports in a file, wherever they stand in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_imports_follow_the_arrows(package: str) -> None:
    for file in sorted((ROOT / package).rglob("*.py")):
        names = imports(file)
        assert names & PACKAGES <= ALLOWED[package], f"{file} imports {names & PACKAGES}"
        assert not names & FORBIDDEN[package], f"{file} imports {names & FORBIDDEN[package]}"


def test_nobody_imports_the_bare_study_package() -> None:
    for file in ROOT.glob("*/**/*.py"):
        if file.parts[len(ROOT.parts)].startswith("."):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                assert "study" not in [alias.asname or alias.name for alias in node.names], file


def test_every_test_folder_is_a_package_and_hides_none() -> None:
    for folder in [ROOT / "tests", *(f for f in (ROOT / "tests").rglob("*") if f.is_dir() and f.name != "__pycache__")]:
        if any(folder.glob("*.py")):
            assert (folder / "__init__.py").exists(), folder
        assert folder.name not in PACKAGES, folder


def test_the_wheel_holds_exactly_the_four_packages(tmp_path: Path) -> None:
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
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    for package in PACKAGES:
        assert f"{package}/py.typed" in names
        ours = {
            str(f.relative_to(ROOT))
            for f in (ROOT / package).rglob("*")
            if f.is_file() and "__pycache__" not in f.parts
        }
        assert ours == {name for name in names if name.startswith(package + "/")}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("trainers", {"torch", "optuna", "mlflow", "pandas"}),
        ("trainers.config", {"torch", "optuna", "mlflow"}),
        ("search_spaces", {"torch", "mlflow"}),
        ("reports.records", {"torch", "mlflow", "optuna"}),
        ("study.cli", {"torch", "mlflow", "optuna", "pandas", "matplotlib"}),
    ],
)
def test_light_modules_stay_light(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""
