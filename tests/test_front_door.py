"""`import mamlab`: what it names, what it costs, `python -m mamlab`, and files of a user's that hide ours."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mamlab

from .test_architecture import ROOT, modules

WITH_ALL = sorted(name for name, file in modules().items() if "\n__all__ = [" in file.read_text())
RUN = "import mamlab; mamlab.run('search.toml')\n"


def python(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *args], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def kind(value: Any) -> str:
    return (
        "module" if isinstance(value, ModuleType)
        else "class" if inspect.isclass(value) or hasattr(value, "__metadata__")
        else "function" if callable(value)
        else "constant"
    )  # fmt: skip


def expected(name: str) -> str:
    return "constant" if name.isupper() else "class" if name[0].isupper() else "function"


@pytest.mark.parametrize("module", WITH_ALL)
def test_every_public_name_is_there_and_of_the_kind_that_its_case_says(module: str) -> None:
    for name in modules():
        if name.startswith(f"{module}.") and not name.endswith("__main__"):
            import_module(name)  # a submodule may take the name of a function
    found = import_module(module)
    assert {name: kind(getattr(found, name)) for name in found.__all__} == {
        name: expected(name) for name in found.__all__
    }


def test_every_module_with_public_names_is_looked_at() -> None:
    assert {"mamlab", "trainers", "trainers.data", "search_spaces", "reports"} <= set(WITH_ALL)
    from trainers import normalise

    assert callable(normalise)
    assert normalise({"inner": {"steps": 2}})[0].inner.steps == 2


def test_names_are_listed_before_they_are_imported_and_a_misspelt_one_is_none() -> None:
    assert {*mamlab.__all__, "__version__"} <= set(dir(mamlab))
    assert sorted(mamlab.__all__) == mamlab.__all__
    with pytest.raises(AttributeError, match="module 'mamlab' has no attribute 'serach'"):
        _ = mamlab.serach  # type: ignore[attr-defined]


def test_python_m_mamlab_is_the_command(tmp_path: Path) -> None:
    done = python(tmp_path, "-m", "mamlab", "--version")
    assert (done.returncode, done.stdout) == (0, f"mamlab {mamlab.__version__}\n")


@pytest.mark.parametrize("package", ["study", "reports", "search_spaces", "trainers"])
def test_a_file_that_hides_a_package_is_named_with_the_way_out(package: str, tmp_path: Path) -> None:
    file = tmp_path / f"{package}.py"
    file.write_text("")
    said = f'{file} hides mamlab\'s own package "{package}", because Python finds it first. Rename {file}'
    (tmp_path / "try.py").write_text(RUN)
    script = python(tmp_path, "try.py")
    assert script.returncode == 1
    assert f"ImportError: {said}" in script.stderr
    command = python(tmp_path, "-m", "mamlab", "status")
    assert command.returncode == 2
    assert command.stderr.startswith(f"error: {said}")
    assert len(command.stderr.splitlines()) == 1


def test_what_hides_another_package_is_named_by_scripts_that_import_ours(tmp_path: Path) -> None:
    (tmp_path / "reports.py").write_text("")
    done = python(tmp_path, "-c", "from study.engine.driver import run_study")
    assert f"ImportError: {tmp_path / 'reports.py'} hides mamlab's own package" in done.stderr


def test_a_script_called_study_is_named_and_so_is_a_package_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "study.py").write_text(RUN)
    assert f"{tmp_path / 'study.py'} hides" in python(tmp_path, "study.py").stderr
    (tmp_path / "study.py").unlink()
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "__init__.py").write_text("")
    assert f"{tmp_path / 'reports' / '__init__.py'} hides" in python(tmp_path, "-c", RUN).stderr


def test_a_folder_called_reports_without_python_in_it_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    assert python(tmp_path, "-c", "import mamlab; mamlab.TrainerConfig()").returncode == 0
