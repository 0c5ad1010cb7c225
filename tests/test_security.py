"""No file that comes from outside is unpickled without restriction, and no name or archive member leaves its folder."""

from __future__ import annotations

import ast
import tarfile
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from study.spec.config import SpecError
from study.spec.parsing import parse_spec
from tests.study_tests.store_rows import ablation, fresh_home, run
from trainers.data.config import Omniglot
from trainers.data.omniglot import decode, pictures

from .test_architecture import PACKAGES, ROOT

UNPICKLE = {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call with its dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def keyword(call: ast.Call, name: str) -> object:
    """Return the constant given for a keyword; None if it is absent."""
    return next((k.value.value for k in call.keywords if k.arg == name and isinstance(k.value, ast.Constant)), None)


def unsafe(source: str) -> list[str]:
    """Return the calls in `source` that would run what a file tells them to."""
    found = []
    for name, call in calls(ast.parse(source)):
        first, _, last = name.partition(".")
        if (
            (first in UNPICKLE and last in ("load", "loads", "open", "Unpickler"))
            or (name == "torch.load" and keyword(call, "weights_only") is not True)
            or (name in ("np.load", "numpy.load") and keyword(call, "allow_pickle") is not False)
            or last in ("read_pickle", "extractall", "extract", "unpack_archive")
            or name in ("eval", "exec")
        ):
            found.append(f"line {call.lineno}: {name}")
    return found


def test_nothing_of_ours_unpickles_a_file_without_restriction() -> None:
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    assert len(files) > 50
    assert {str(file): found for file in files if (found := unsafe(file.read_text()))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "pickle.load(f)",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "np.load(f)",
        "np.load(f, allow_pickle=True)",
        "pandas.read_pickle(f)",
        "archive.extractall(folder)",
        "archive.extract(member)",
        "eval(text)",
        "joblib.load(f)",
    ],
)
def test_the_search_for_unsafe_calls_finds(line: str) -> None:
    assert unsafe(line)


EVIL = ["../../outside/character01/0001_01.png", "/outside/Greek/character01/0001_02.png", "a/../../b/c/0001_03.png"]


def picture() -> bytes:
    buffer = BytesIO()
    Image.new("1", (105, 105)).save(buffer, "PNG")
    return buffer.getvalue()


def test_members_of_an_evil_zip_are_read_in_memory_and_written_nowhere(tmp_path: Path) -> None:
    home = tmp_path / "data"
    home.mkdir()
    with zipfile.ZipFile(home / "images_background.zip", "w") as archive:
        for name in EVIL:
            archive.writestr(name, picture())
    found = pictures(home, "images_background")
    assert [decode(one, Omniglot()).shape for one in found] == [(28, 28)] * len(found)
    assert [one.name for one in found] == ["0001_02.png"]  # names with ".." are skipped, as hidden ones are
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["data", "images_background.zip"]
    assert not list(tmp_path.parent.glob("outside"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_evil_tar_in_the_place_of_cifar_is_refused_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.datasets import utils

    from trainers.data import DataError
    from trainers.data.cifar_fs import load

    def no_network(*arguments: object, **named: object) -> None:
        raise OSError("no network in this test")

    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setattr(utils, "_urlretrieve", no_network)
    with tarfile.open(folder / "cifar-100-python.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("../outside")
        member.size = 4
        archive.addfile(member, BytesIO(b"evil"))
    with pytest.raises(DataError, match="could not be downloaded"):
        load(folder)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b", "..", ".hidden", "a\\b", "a\x00b", "a b", "", "x" * 65])
def test_a_studys_name_cannot_be_a_path(name: str) -> None:
    text = ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}).spec_text
    escaped = name.replace("\\", "\\\\").replace("\x00", "\\u0000")
    with pytest.raises(SpecError, match=r"study\.name: must be 1 to 64 letters"):
        parse_spec(text.replace('name = "arms"', f'name = "{escaped}"'))


def test_an_arms_name_never_becomes_a_path(tmp_path: Path) -> None:
    from study.reporting import report_from_store

    names = ["../../outside", "/outside/b", "..", "<script>alert(1)</script>"]
    arms = {name: f'{{ "outer.lr" = {0.01 * (i + 1)} }}' for i, name in enumerate(names)}
    (tmp_path / "home").mkdir()
    home = fresh_home(tmp_path / "home")
    assert run(ablation(arms, seeds=1), home).finished
    page = report_from_store("arms", home)
    assert page.is_relative_to(home.reports)
    assert [file.name for file in tmp_path.iterdir()] == ["home"]
    assert not list(tmp_path.parent.glob("outside"))
    assert "<script>alert(1)</script>" not in page.read_text()
