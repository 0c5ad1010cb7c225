"""A Ray node whose home is another folder, or whose mamlab is another: it gets no runs, and says why."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from study.cli.main import run as mamlab
from study.spec.config import StudyConfig
from study.spec.parsing import parse_spec
from study.stores.home import Home
from tests.study_tests.drivers import PATIENCE_SECONDS
from tests.study_tests.ray_cluster import ray_process, ray_start
from tests.study_tests.store_rows import check_stores, mlflow_runs

from .cases import new_home, real
from .test_checkpoints import NAMESPACE, can_mount

pytest.importorskip("ray", reason='pip install "mamlab[ray]"')
pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not can_mount(), reason="no user namespaces here, so no other home can be mounted"),
]
HERE = Path(__file__).parents[2]
NODE = """
import signal, sys
from ray._private.node import Node
from ray._private.parameter import RayParams
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
Node(
    RayParams(gcs_address=sys.argv[1], node_ip_address="127.0.0.2", num_cpus=1, object_store_memory=80 * 2**20),
    head=False, shutdown_at_exit=True, spawn_reaper=True,
)
print("Ray runtime started", flush=True)
signal.pause()
"""
"""`ray start --address` would listen on every network of this machine. Another address: a driver joins the node that
has its own.
"""


@contextmanager
def node(address: str, folder: Path, hidden: Path | None = None) -> Iterator[None]:
    """Add a node of one CPU to the cluster, with an empty file system over the folder `hidden`."""
    mount = ["bash", "-c", 'mount -t tmpfs tmpfs "$0" && exec "$@"', str(hidden)] if hidden else []
    with ray_process([*NAMESPACE, *mount, sys.executable, "-c", NODE, address], folder):
        yield


def on_ray(address: str) -> StudyConfig:
    text = real().config.spec_text.replace("[ablation]", "[ablation]\nallow_underpowered = true")
    return parse_spec(text.replace("workers = 2", f'workers = 2\nexecutor = "ray"\naddress = "{address}"'))


def drive(config: StudyConfig, home: Home) -> tuple[int, str]:
    """Run the study as a user does; return the exit status and all that is printed."""
    spec = home.root / "spec.toml"
    spec.write_text(config.spec_text)
    command = [sys.executable, "-m", "study.cli", config.command, str(spec), "--home", str(home.root)]
    done = subprocess.run(
        command, cwd=home.root, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )  # elsewhere than the source, which Ray would hand to the workers
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("hidden", ["", "checkpoints"])
def test_a_node_that_does_not_see_the_home_gets_no_runs(hidden: str, tmp_path: Path) -> None:
    home = new_home(tmp_path, "home")
    home.checkpoints.mkdir()
    covered = home.root / hidden
    with ray_start(tmp_path, "--num-cpus=1") as address, node(address, tmp_path, covered):
        config = on_ray(address)
        status, told = drive(config, home)
    assert status == 0, told
    what = (
        f"does not see the home {home.root}: mount it"
        if not hidden
        else f"sees a different folder at {home.checkpoints}"
    )
    assert what in told
    assert told.count("It gets no runs") == 1
    assert check_stores(home, config, 4) == {"complete": 4}
    for run in mlflow_runs(home, config.study.name):
        assert (home.checkpoints / run.data.tags["cell"] / "final.ckpt").is_file()
    assert mamlab(["doctor", config.study.name, "--home", str(home.root)]) == 0
    assert not list(home.root.rglob("handshake-*"))


def test_a_cluster_in_which_no_node_sees_the_home_trains_nothing(tmp_path: Path) -> None:
    home = new_home(tmp_path, "home")
    with ray_start(tmp_path, "--num-cpus=0") as address, node(address, tmp_path, home.root):
        config = on_ray(address)
        status, told = drive(config, home)
    assert status not in (0, 3)
    assert "no node of the Ray cluster can run workers" in told
    assert f"does not see the home {home.root}" in told
    assert not list(home.checkpoints.glob("*/*"))


def test_a_node_with_another_mamlab_gets_no_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other, home = tmp_path / "other", new_home(tmp_path, "home")
    for package in ("study", "trainers", "reports", "search_spaces", "tests"):
        shutil.copytree(HERE / package, other / package, ignore=shutil.ignore_patterns("*.xz", "__pycache__"))
    with (other / "trainers" / "results.py").open("a") as file:
        file.write("\n# another version\n")
    with ray_start(tmp_path, "--num-cpus=1") as address:
        with monkeypatch.context() as patch:
            patch.setenv("PYTHONPATH", str(other))
            second = node(address, tmp_path)
            second.__enter__()
        try:
            config = on_ray(address)
            status, told = drive(config, home)
        finally:
            second.__exit__(None, None, None)
    assert status == 0, told
    assert "has source of mamlab " in told
    assert "install the same version there, or start Ray without that node. It gets no runs" in told
    assert check_stores(home, config, 4) == {"complete": 4}
