"""Files that were changed at random are read, or refused with a clear error; never anything else."""

from __future__ import annotations

import functools
import hashlib
import io
import pickle
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports import ReportError
from reports.data.files import DATA, RUNS, STUDY
from reports.data.loading import from_files
from study.spec.config import SpecError
from study.spec.parsing import parse_spec
from tests.study_tests.store_rows import ablation, search
from trainers.checkpoint import CheckpointFolder

from .cases import arms, new_home, real

FEW, MANY = 10, 200
Edit = tuple[str, float, float, str]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["delete", "double", "insert", "replace"]),
        st.floats(0, 1),
        st.floats(0, 0.1),
        st.text(st.characters(codec="utf-8"), max_size=6)
        | st.sampled_from(
            ["nan", "-1", "1e999", "[", "{", '"', "\n", "=", ",", "true", "../../x", "\x00", "[study]\n"]
        ),
    ),
    min_size=1,
    max_size=4,
)


def mutate(text: str, edits: list[Edit]) -> str:
    """Return `text` with pieces deleted, doubled, inserted or replaced; positions and lengths are shares of it."""
    for kind, place, length, new in edits:
        start = round(place * len(text))
        end = start + max(1, round(length * len(text)))
        piece = {"delete": "", "double": 2 * text[start:end], "insert": new + text[start:end], "replace": new}[kind]
        text = text[:start] + piece + text[end:]
    return text


def examples(*strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[[int], None]]:
    """Run a test on 10 examples of what the strategies draw, and on 200 among the faults."""

    def decorated(test: Callable[..., None]) -> Callable[[int], None]:
        @pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.faults)])
        def counted(count: int) -> None:
            checks = [HealthCheck.too_slow]
            own = settings(max_examples=count, deadline=None, database=None, suppress_health_check=checks)
            own(given(*strategies)(test))()  # a new one each time: Hypothesis takes settings once

        functools.update_wrapper(counted, test, assigned=("__name__", "__doc__"))
        del counted.__wrapped__  # type: ignore[attr-defined]
        return counted

    return decorated


SPECS = [search().spec_text, ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}).spec_text, real().config.spec_text]


@examples(st.sampled_from(SPECS), EDITS)
def test_a_mutated_spec_is_read_or_refused_line_by_line(text: str, edits: list[Edit]) -> None:
    try:
        parse_spec(mutate(text, edits))
    except SpecError as error:
        assert error.problems
        assert all(line.strip() and "Traceback" not in line for line in error.problems)


@functools.cache
def report_files() -> dict[str, bytes]:
    """Return the raw results of a real report, without the manifest, which would give every change away."""
    from study.reporting import report_from_store

    with tempfile.TemporaryDirectory() as folder:
        home = new_home(Path(folder), "home")
        assert arms().run(home).finished
        page = report_from_store("arms", home)
        return {name: (page.parent / name).read_bytes() for name in DATA}


@pytest.mark.slow
@examples(st.data(), EDITS)
def test_a_mutated_table_is_read_or_refused_with_its_name(data: st.DataObject, edits: list[Edit]) -> None:
    files = report_files()
    name = data.draw(st.sampled_from([RUNS, STUDY]))
    with tempfile.TemporaryDirectory() as folder:
        for other, content in files.items():
            Path(folder, other).write_bytes(content)
        Path(folder, name).write_text(mutate(files[name].decode(), edits), newline="")
        try:
            from_files(Path(folder))
        except ReportError as error:
            assert name in str(error)


@functools.cache
def checkpoint_files() -> dict[str, bytes]:
    """Return two epochs' checkpoints."""
    with tempfile.TemporaryDirectory() as folder:
        place = CheckpointFolder(Path(folder))
        for epoch in (1, 2):
            place.save(epoch, {"history": [{"epoch": epoch}], "weights": {"w": torch.ones(50)}})
        return {file.name: file.read_bytes() for file in Path(folder).glob("*.ckpt")}


@examples(st.data(), st.integers(0, 7), st.booleans(), st.booleans())
def test_a_mutated_checkpoint_is_passed_over_with_a_warning(
    data: st.DataObject, bit: int, cut: bool, checksum_too: bool
) -> None:
    files = dict(checkpoint_files())
    content = bytearray(files["epoch-000002.ckpt"])
    place = data.draw(st.integers(32, len(content) - 1))
    content[place] ^= 1 << bit
    content = content[:place] if cut else content
    if checksum_too:  # a file that was damaged before its checksum was made, or made by somebody else
        content[:32] = hashlib.sha256(content[32:]).digest()
    files["epoch-000002.ckpt"] = bytes(content)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, one in files.items():
            Path(folder, name).write_bytes(one)
        state = CheckpointFolder(Path(folder)).load()
    assert state is not None
    assert checksum_too or state["history"] == [{"epoch": 1}]


def test_a_checkpoint_that_would_run_code_is_passed_over(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    buffer = io.BytesIO()
    torch.save({"history": [], "evil": Evil()}, buffer, pickle_module=pickle)
    payload = buffer.getvalue()
    folder = CheckpointFolder(tmp_path)
    folder.save(1, {"history": [{"epoch": 1}]})
    (tmp_path / "epoch-000002.ckpt").write_bytes(hashlib.sha256(payload).digest() + payload)
    with pytest.warns(RuntimeWarning, match="damaged and was skipped"):
        assert folder.load() == {"history": [{"epoch": 1}]}
    assert not (tmp_path / "ran").exists()
