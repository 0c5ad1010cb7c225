"""A newcomer's path by the docs alone: every command of docs/own_images.md and docs/models.md, on a folder of
pictures.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import runpy
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reports import records
from reports.data.loading import from_files, from_mlflow
from study.cli.main import run
from study.spec.parsing import load_spec
from study.stores.connect import open_mlflow
from study.stores.home import Home
from trainers import MAMLClassifier
from trainers.fingerprint import fingerprint_of

from ..processes import PATIENCE_SECONDS

pytestmark = pytest.mark.docs

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("own_images.md", "models.md")


@dataclass(frozen=True)
class Newcomer:
    """Where the newcomer works, and what each command and snippet printed."""

    here: Path
    printed: dict[str, str]

    @property
    def home(self) -> Home:
        return Home(self.here / "runs")


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of the fenced blocks that are to be run or written."""
    return re.findall(r"^```(sh|bash|python|py|toml)\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def mamlab(command: str) -> str:
    with redirect_stdout(io.StringIO()) as out:
        args = shlex.split(command)[1:]
        trains = (
            ["--quiet", "--workers", "1"] if args[0] in ("search", "promote", "ablate") else []
        )  # a worker costs seconds
        status = run([*args, *trains])
    assert status == 0, command
    return out.getvalue()


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    here = tmp_path_factory.mktemp("newcomer")
    printed: dict[str, str] = {}
    with inside(here):
        for page in PAGES:
            for language, text in blocks(page):
                if language == "toml":
                    Path(text.splitlines()[0].removeprefix("# file: ")).write_text(text)
                elif language in ("python", "py"):
                    printed[f"{page} python"] = follow(text)
                else:
                    printed |= {command: mamlab(command) for command in text.splitlines()}
    return Newcomer(here, printed)


def follow(code: str) -> str:
    Path("snippet.py").write_text(code)
    with redirect_stdout(io.StringIO()) as out:
        runpy.run_path("snippet.py")
    return out.getvalue()


def test_the_classifier_names_the_new_pictures(newcomer: Newcomer) -> None:
    first = newcomer.printed["own_images.md python"].splitlines()[0]
    assert set(re.findall(r"class\d\d", first)) <= {"class00", "class01", "class02"}
    assert len(re.findall(r"class\d\d", first)) == 3


def test_promote_shows_the_search_s_score_beside_that_of_fresh_seeds(newcomer: Newcomer) -> None:
    text = newcomer.printed["mamlab promote pictures --best 1 --seeds 2"]
    assert "Spec file: " in text
    assert re.search(r"trial \d: validation \d+\.\d\d % in the search \(n = 1, biased upward\), \d+\.\d\d \[", text)
    assert "Next: mamlab export pictures-promoted model --arm 'trial" in text
    report = (newcomer.home.reports / "pictures-promoted" / "report.md").read_text()
    assert "From the search pictures" in report
    assert "Validation on other seeds, %" in report


def test_what_follows_a_search_names_it_and_never_its_seed(newcomer: Newcomer) -> None:
    best = int(re.findall(r"Best config: trial (\d)", newcomer.printed["mamlab search pictures.toml"])[0])
    for study, arms in (("pictures-promoted", {"base (maml)", f"trial {best}"}), ("pictures-ablated", None)):
        info, runs = from_mlflow(newcomer.home.mlflow_url, study)
        assert info.origin is not None
        assert info.origin.search == "pictures"
        assert [trial.number for trial in info.origin.trials.values()] == [best]
        assert {run.seed for run in runs} == {1, 2}
        assert arms is None or {run.arm for run in runs} == arms
        assert all(records.TEST_ACCURACY in run.metrics for run in runs)
    _, runs = from_mlflow(newcomer.home.mlflow_url, "pictures-ablated")
    parts = ("MSL", "LSLR", "BNRS")
    assert {run.arm for run in runs} == {f"trial {best}", *(f"trial {best} without {part}" for part in parts)}
    assert sum(records.TAG_REUSED_FROM in run.tags for run in runs) == 2  # the winner's, trained by promote


def test_the_search_s_followers_are_found_by_a_tag(newcomer: Newcomer) -> None:
    client = open_mlflow(newcomer.home)
    experiments = [one.experiment_id for one in client.search_experiments()]
    found = client.search_runs(experiments, f"tags.{records.TAG_ORIGIN_SEARCH} = 'pictures'")
    assert sorted(run.data.tags[records.TAG_STUDY] for run in found) == ["pictures-ablated", "pictures-promoted"]


def test_the_search_s_own_report_has_what_fresh_seeds_gave(newcomer: Newcomer) -> None:
    with inside(newcomer.here):
        mamlab("mamlab report pictures")
        assert "every table follows" in mamlab("mamlab verify pictures")
    info, _ = from_mlflow(newcomer.home.mlflow_url, "pictures")
    assert [(one.study, len(one.test), len(set(one.runs))) for one in info.fresh] == [
        ("pictures-ablated", 2, 2), ("pictures-promoted", 2, 2),
    ]  # fmt: skip
    assert info.fresh[0].test == info.fresh[1].test  # the same cells
    again, _ = from_files(newcomer.home.reports / "pictures")
    assert again.fresh == info.fresh
    report = (newcomer.home.reports / "pictures" / "report.md").read_text()
    mean = 100 * sum(info.fresh[0].test) / 2
    assert "Best trials on fresh seeds" in report
    assert f"{mean:.2f} " in report


def test_the_spec_files_run_again_and_train_nothing(newcomer: Newcomer) -> None:
    spec = newcomer.home.root / "specs" / "pictures-promoted.toml"
    assert "search that it never" not in spec.read_text()
    with inside(newcomer.here):
        assert "test accuracy" in mamlab(f"mamlab ablate {spec}")
        assert "4 runs" in mamlab("mamlab status pictures-promoted")
        assert "every table follows from its 4 runs" in mamlab("mamlab verify pictures-promoted")
        assert "agree" in mamlab("mamlab doctor pictures-promoted")


def test_the_card_has_both_accuracies_with_tasks_and_interval(newcomer: Newcomer) -> None:
    card = (newcomer.here / "model" / "README.md").read_text()
    for way in ("running", "batch"):
        assert re.search(rf"\| {way} \| \d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\] \| 40 \|", card)
    for words in (
        "3-way 1-shot test tasks",
        "Chance is 33.33 %",
        "seed 0",
        "commit ",
        "## Limits",
        "At most 3 classes",
    ):
        assert words in card
    assert str(newcomer.here) not in card + (newcomer.here / "model" / "config.json").read_text()


def test_the_card_s_accuracy_is_that_of_the_run_that_was_tested(newcomer: Newcomer) -> None:
    """The base arm was tested with running statistics by the study itself; its export says the same."""
    _, runs = from_mlflow(newcomer.home.mlflow_url, "pictures-promoted")
    tested = next(one for one in runs if one.arm == "base (maml)" and one.seed == 1)
    about = json.loads((newcomer.here / "model-of-base" / "config.json").read_text())["about"]
    assert about["test_accuracy"]["running"]["mean"] == pytest.approx(tested.metrics[records.TEST_ACCURACY], abs=1e-12)
    assert (about["arm"], about["seed"], about["cell"]) == ("base (maml)", 1, tested.fingerprint)


def test_an_export_again_is_the_same_model_in_mlflow(newcomer: Newcomer) -> None:
    with inside(newcomer.here):
        assert uri_of(mamlab("mamlab export pictures model")) == uri_of(
            newcomer.printed["mamlab export pictures model"]
        )


def test_an_export_leaves_the_files_of_others_and_refuses_their_folders(
    newcomer: Newcomer, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = {"config.json": '{"architectures": ["BertModel"]}', "model.safetensors": "theirs"}
    with inside(newcomer.here):
        Path("bert").mkdir()
        for name, text in theirs.items():
            Path("bert", name).write_text(text)
        assert run(["export", "pictures", "bert"]) == 2
        assert "error: bert is not empty (config.json), and mamlab did not make it" in capsys.readouterr().err
        assert {file.name: file.read_text() for file in Path("bert").iterdir()} == theirs
        shutil.copytree("model", "old")
        Path("old", "manifest.json").unlink()  # as exports were before there were manifests
        Path("old", "photo.png").write_text("mine")
        mamlab("mamlab export pictures old")
        assert Path("old", "photo.png").read_text() == "mine"
        assert Path("old", "manifest.json").read_bytes() == Path("model", "manifest.json").read_bytes()
        assert run(["export", "pictures-promoted", "old", "--arm", "base (maml)"]) == 2
        assert 'old holds the model of the study "pictures"; name another one' in capsys.readouterr().err


def test_weights_that_are_gone_are_an_error_with_a_spec_that_trains_them_again(
    newcomer: Newcomer, capsys: pytest.CaptureFixture[str]
) -> None:
    _, runs = from_mlflow(newcomer.home.mlflow_url, "pictures-promoted")
    lost = next(one for one in runs if one.arm == "base (maml)" and one.seed == 2)
    (newcomer.home.checkpoints / lost.fingerprint / "final.ckpt").unlink()
    with inside(newcomer.here):
        assert run(["export", "pictures-promoted", "lost", "--arm", "base (maml)", "--seed", "2"]) == 2
        message = capsys.readouterr().err
        (spec,) = re.findall(r"train it again with: mamlab train (\S+), then: mamlab export \S+ DIR", message)
        again = load_spec(Path(spec))
    assert again.seeds == (2,)
    assert fingerprint_of(again.base, 2, lost.tags[records.TAG_DATA_CHECKSUM]) == lost.fingerprint
    assert not (newcomer.here / "lost").exists()


def uri_of(printed: str) -> str:
    return str(re.findall(r"MLflow: +(\S+)", printed)[0])


def test_the_logged_pyfunc_answers_as_the_classifier_does(newcomer: Newcomer) -> None:
    import mlflow
    import pandas as pd

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(newcomer.home.mlflow_url)
    try:
        model = mlflow.pyfunc.load_model(uri_of(newcomer.printed["mamlab export pictures model"]))
    finally:
        mlflow.set_tracking_uri(before)
    request = json.loads((newcomer.here / "request.json").read_text())
    found = model.predict(pd.DataFrame(request["dataframe_records"]), params=request["params"])
    assert found["label"].tolist() == wanted(newcomer)[0]
    assert found["probability"].tolist() == pytest.approx(wanted(newcomer)[1], abs=1e-6)
    assert [sorted(row) for row in found["probabilities"]] == [["class00", "class01", "class02"]] * 3
    with pytest.raises(mlflow.exceptions.MlflowException, match="row 0: image must be a picture file"):
        model.predict(pd.DataFrame([{"image": "xxxx", "label": "a"}]))
    with pytest.raises(mlflow.exceptions.MlflowException, match=r"row 0: the picture is too large \(14000 x 14000\)"):
        model.predict(pd.DataFrame([{"image": base64.b64encode(bomb()).decode(), "label": "a"}]))
    with pytest.raises(mlflow.exceptions.MlflowException, match="0 rows with a label and 3 without"):
        model.predict(pd.DataFrame(request["dataframe_records"][3:]))
    kept = {file.suffix for file in (newcomer.home.artifacts / "pictures" / "models").rglob("*")}
    assert ".safetensors" in kept
    assert not kept & {".pkl", ".pickle", ".pt", ".pth"}


def bomb() -> bytes:
    """The head of a PNG that would take 200 MB."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 14000, 14000, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    chunks = (
        struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (head, data, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def wanted(newcomer: Newcomer) -> tuple[list[str], list[float]]:
    folders = sorted((newcomer.here / "pictures").iterdir())[:3]
    known, new = ([sorted(folder.iterdir())[i] for folder in folders] for i in (0, 1))
    classifier = MAMLClassifier(newcomer.here / "model").fit(known, [folder.name for folder in folders])
    return classifier.predict(new).tolist(), classifier.predict_proba(new).max(1).tolist()


@pytest.mark.slow
def test_the_model_is_served(newcomer: Newcomer) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env, *command = re.findall(r"Serve: +(.*)", newcomer.printed["mamlab export pictures model"])[0].split()
    name, _, value = env.partition("=")
    command = [*command[:-1], str(port), "-h", "127.0.0.1"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (newcomer.here / "serve.log").open("wb") as log:
        server = subprocess.Popen(
            command, env={**os.environ, name: value, "PATH": path}, cwd=newcomer.here, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        answer = ask(f"http://127.0.0.1:{port}", (newcomer.here / "request.json").read_bytes(), server)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    assert [row["label"] for row in answer["predictions"]] == wanted(newcomer)[0]


def ask(address: str, request: bytes, server: subprocess.Popen[bytes]) -> Any:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{address}/ping", timeout=2).close()
            break
        except OSError:
            assert time.monotonic() < end
            assert server.poll() is None
            time.sleep(0.3)
    asked = urllib.request.Request(f"{address}/invocations", request, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS) as reply:
        return json.load(reply)
