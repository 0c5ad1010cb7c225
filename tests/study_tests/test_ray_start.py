"""A cluster made by `ray start`, as a user makes one: with a token, without, of another version, or not there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from study.spec.parsing import parse_spec

from ..processes import PATIENCE_SECONDS
from .drivers import start
from .ray_cluster import free_port, ray_start
from .store_rows import ablation, check_stores, fresh_home

pytest.importorskip("ray", reason='pip install "mamlab[ray]"')

TOKEN = "0123456789abcdef" * 4
QUICK_SECONDS = 20.0
"""A refusal takes less; Ray's own takes 20 to 40 seconds more."""
CONNECT = """
import sys, time
from study.workers.executors import ray_connection
from study.workers.executors.local import WorkersError
ray_connection.ANSWER_SECONDS = float(sys.argv[2])
began = time.monotonic()
try:
    print(ray_connection.connect(sys.argv[1]))
except WorkersError as error:
    print(error)
assert time.monotonic() - began < float(sys.argv[3]), "too slow"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a user with a token, as `ray get-auth-token --generate` leaves it."""
    return with_token(tmp_path_factory.mktemp("user"), TOKEN)


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[str]:
    with ray_start(folder, "--num-cpus=2") as address:
        yield address


def with_token(folder: Path, token: str) -> Path:
    (folder / ".ray").mkdir(parents=True)
    (folder / ".ray" / "auth_token").write_text(token)
    return folder


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")} | {
        "HOME": str(folder), **more
    }  # fmt: skip


def connect(address: str, folder: Path, wait: float = 10.0, **more: str) -> str:
    """Return what a driver is told that connects to `address`, or "True"."""
    command = [sys.executable, "-c", CONNECT, address, str(wait), str(QUICK_SECONDS)]
    done = subprocess.run(
        command, env=environment(folder, **more), capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_a_study_runs_on_a_cluster_that_asks_for_a_token(
    cluster: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1)
    text = config.spec_text.replace("workers = 2", f'workers = 2\nexecutor = "ray"\naddress = "{cluster}"')
    monkeypatch.setenv("HOME", str(folder))
    driver = start(parse_spec(text), home, seconds=0.0)
    _, errors = driver.communicate(timeout=PATIENCE_SECONDS)
    assert driver.returncode == 0, errors.decode()
    assert check_stores(home, config, 2) == {"complete": 2}
    kept = [file for file in home.root.rglob("*") if file.is_file()]
    assert not [file for file in kept if TOKEN.encode() in file.read_bytes()]


def test_a_token_that_is_missing_or_wrong_is_said_with_where_it_is_looked_for(
    cluster: str, folder: Path, tmp_path: Path
) -> None:
    refused = f'[execution] address = "{cluster}": the cluster'
    file = tmp_path / ".ray" / "auth_token"
    told = connect(cluster, tmp_path)
    assert told.startswith(f"{refused} needs a token, but there is none in RAY_AUTH_TOKEN or {file}; copy {file} from")
    told = connect(cluster, with_token(tmp_path, "f" * 64))
    assert told.startswith(f"{refused} rejects the token from {file}, which belongs to another cluster; copy")


@pytest.mark.slow
def test_ray_s_own_variables_for_the_token_are_named(cluster: str, folder: Path, tmp_path: Path) -> None:
    refused = f'[execution] address = "{cluster}": the cluster'
    told = connect(cluster, tmp_path, RAY_AUTH_TOKEN_PATH="/nowhere/token")
    assert "none in RAY_AUTH_TOKEN or /nowhere/token;" in told
    told = connect(cluster, folder, RAY_AUTH_TOKEN="another")
    assert told.startswith(f"{refused} rejects the token from the environment variable RAY_AUTH_TOKEN, which belongs")
    told = connect(cluster, folder, RAY_AUTH_MODE="disabled")
    assert told == f"{refused} needs a token, but RAY_AUTH_MODE=disabled here keeps Ray from sending one; unset it"


def test_an_address_without_a_cluster_is_said_at_once(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    assert "nothing answers there ([Errno 111] Connection refused); start a Ray cluster" in connect(address, tmp_path)
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        told = connect(f"127.0.0.1:{other.getsockname()[1]}", tmp_path, wait=1.0)
    assert "what listens there is not a Ray cluster: no answer within 1 s" in told


@pytest.mark.slow
def test_a_cluster_without_tokens_does_a_study_of_a_user_who_has_one(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that gave its token would ask one of the cluster, too, which then takes it for dead."""
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1)
    bare = tmp_path / "bare"
    bare.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    with ray_start(bare) as address:
        text = config.spec_text.replace("workers = 2", f'workers = 2\nexecutor = "ray"\naddress = "{address}"')
        driver = start(parse_spec(text), home, seconds=0.0)
        _, errors = driver.communicate(timeout=240)
    assert driver.returncode == 0, errors.decode()
    assert check_stores(home, config, 2) == {"complete": 2}


@pytest.mark.slow
def test_a_cluster_of_another_version_is_said(tmp_path: Path) -> None:
    with ray_start(tmp_path, program='import ray; ray.__version__ = "2.50.9"') as address:
        told = connect(address, tmp_path)
    assert f'address = "{address}": the cluster has other versions of Ray or Python:' in told
    assert "Ray: 2.50.9" in told
