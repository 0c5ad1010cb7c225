"""A stranger's first hour: the wheel in a bare environment, an empty folder, one's own pictures, and what is typed.

The environment has the packages of this one, and nothing of the checkout. `make test-docs` prints each step's seconds,
and after how many it first said something.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .processes import PATIENCE_SECONDS, running
from .study_tests.test_init import draw

ROOT = Path(__file__).parents[1]
BUILD = "from hatchling.build import build_wheel; import sys; print(build_wheel(sys.argv[1]))"
SAYS_WITHIN = 10.0
"""Seconds until each command says something: ten times what an idle machine takes."""
CLASSIFY = """
from pathlib import Path
from trainers import MAMLClassifier
classes = sorted(Path("leaves").iterdir())[:2]
first, second = ([sorted(folder.iterdir())[i] for folder in classes] for i in (0, 1))
classifier = MAMLClassifier.load("model").fit(first, [folder.name for folder in classes])
print(*classifier.predict(second), sep=", ")
"""
TINY = [
    "budget.epochs=2", "budget.iterations=3", "budget.trials=3", "evaluation.val_tasks=4", "evaluation.test_tasks=6",
    "episodes.tasks=1", "model.filters=4", "execution.workers=1",
]  # fmt: skip


@dataclass
class Stranger:
    """Types commands in a folder, in an environment of their own."""

    python: Path
    here: Path
    seconds: list[tuple[str, float, float]] = field(default_factory=list)

    def types(self, *words: str) -> str:
        """Return what a command prints; it must succeed."""
        command = [str(self.python), "-m", "mamlab", *words] if words[0] != "-c" else [str(self.python), *words]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MAMLAB"))}
        began, first, said = time.monotonic(), 0.0, ""
        with running(
            command, cwd=self.here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                first = first or time.monotonic() - began
                said += line
            status = process.wait(PATIENCE_SECONDS)
        what = " ".join(words if words[0] != "-c" else ("python: classify",))
        self.seconds.append((what, time.monotonic() - began, first))
        assert status == 0, f"{what}\n{said}"
        return said


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / "bin" / "python"
    packages = next((tmp_path / "bare" / "lib").glob("python3*")) / "site-packages"
    with zipfile.ZipFile(tmp_path / built.stdout.split()[-1]) as wheel:
        wheel.extractall(packages)
    (packages / "installed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")  # whose own .pth files are not read
    here = tmp_path / "empty"
    here.mkdir()
    return Stranger(python, here)


@pytest.mark.docs
def test_a_stranger_gets_from_pip_to_a_classifier_of_ones_own_pictures(
    stranger: Stranger, capsys: pytest.CaptureFixture[str]
) -> None:
    where = stranger.types("-c", "import study, mamlab; print(study.__file__, mamlab.__file__)")
    assert str(ROOT) not in where, "the checkout is used, not the wheel"
    assert "init" in stranger.types("--help")
    draw(stranger.here / "leaves", classes=20, each=5, side=36)
    assert "Next: mamlab search images.toml" in stranger.types("init", "images")
    small = [word for text in TINY for word in ("--set", text)]
    assert "Measuring 1 of" in stranger.types("plan", "images.toml", *small)
    assert "Next: mamlab promote leaves" in stranger.types("search", "images.toml", *small)
    assert "3 of 3 runs" in stranger.types("status", "leaves")
    assert "Next: mamlab export leaves-promoted model" in stranger.types(
        "promote", "leaves", "--best", "1", "--seeds", "2"
    )
    assert "mamlab verify leaves-ablated (checks" in stranger.types("ablate", "--from", "leaves", "--seeds", "2")
    stranger.types("verify", "leaves-ablated")
    stranger.types("export", "leaves", "model")
    assert "class" in stranger.types("-c", CLASSIFY)
    assert "Report: " in stranger.types("report", "leaves")
    stranger.types("logs", "leaves")
    stranger.types("delete", "leaves-ablated", "--yes")
    assert "leaves-ablated" not in stranger.types("status")
    with capsys.disabled():
        print(f"\n{'seconds':>9}{'first said':>12}  step")
        for what, seconds, first in stranger.seconds:
            print(f"{seconds:9.1f}{first:12.1f}  {what[:60]}")
        print(f"{sum(seconds for _, seconds, _ in stranger.seconds):9.1f}{'':12}  in all")
    assert max(first for what, _, first in stranger.seconds if not what.startswith("python")) < SAYS_WITHIN
