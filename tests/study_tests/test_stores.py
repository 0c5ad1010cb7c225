"""Stores on servers: the same study as on SQLite, an outage costs no run, and no password is told."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from study.engine.progress import StudyProgress
from study.stores.advisory_lock import advisory_lock
from study.stores.connect import open_mlflow, open_optuna
from study.stores.home import Home
from study.stores.outages import StoreUnreachable, retry_while_locked
from study.stores.urls import redact, shown, store_addresses
from study.workers.executors import LocalExecutor

from ..processes import PATIENCE_SECONDS
from .drivers import start, wait_for_new_epochs
from .servers import Postgres, mlflow_server, postgres
from .store_rows import ablation, check_stores, fresh_home, mlflow_runs, outcomes, run, search

EPOCH_SECONDS = "0.2"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as found, tempfile.TemporaryDirectory() as folder:
        with pytest.MonkeyPatch.context() as patch:
            for store in ("optuna", "mlflow"):
                patch.setenv(f"MAMLAB_{store.upper()}_URL", found.database(store))
            open_optuna(Home(Path(folder))).remove_session()
            open_mlflow(Home(Path(folder)))
        yield found


@pytest.fixture
def home(server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose two stores are databases of their own on the PostgreSQL server, copied because tables take
    seconds.
    """
    for store in ("optuna", "mlflow"):
        monkeypatch.setenv(f"MAMLAB_{store.upper()}_URL", server.database(f"{tmp_path.name}-{store}", like=store))
    return Home(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("postgresql://me:s3cret@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("could not connect to postgresql+psycopg2://me:p%40ss@h/db?x=1 "
         "(again)", "could not connect to postgresql+psycopg2://me:***@h/db?x=1 (again)"),
        ("http://user:s3c:r@t@host/path", "http://user:***@host/path"),
        ("host=h password=s3cret dbname=d", "host=h password=*** dbname=d"),
        ("host=h password='two words' dbname=d", "host=h password=*** dbname=d"),
        ("postgresql://me@host/db?password=s3cret&x=1", "postgresql://me@host/db?password=***&x=1"),
        ("RAY_AUTH_TOKEN=0123abcd ray start", "RAY_AUTH_TOKEN=*** ray start"),
        ("{'Authorization': 'Bearer 0123abcd'}", "{'Authorization': 'Bearer ***'}"),
        ("sslmode=require sslpassword=s3cret x=1", "sslmode=require sslpassword=*** x=1"),
        ("PGPASSWORD=s3cret psql", "PGPASSWORD=*** psql"),
        ("PGPASSWORD='two words' psql", "PGPASSWORD=*** psql"),
        (r"password=two\ words dbname=d", "password=*** dbname=d"),
        ("{'user': 'me', 'password': 's3,c}ret'}", "{'user': 'me', 'password': ***}"),
        ('{"api_key": "s3cret", "x": 1}', '{"api_key": ***, "x": 1}'),
        ("http://t0ken@host:5000/x", "http://***@host:5000/x"),
        ("https://me:t0ken@host and postgresql://me@host", "https://me:***@host and postgresql://me@host"),
        ("Authorization: Basic bWU6cw==", "Authorization: Basic ***"),
        ("asks for a token: none in RAY_AUTH_TOKEN", "asks for a token: none in RAY_AUTH_TOKEN"),
        ("RAY_AUTH_TOKEN_PATH=/a/b, a bearer of news", "RAY_AUTH_TOKEN_PATH=/a/b, a bearer of news"),
        ("http://127.0.0.1:5000 and sqlite:////a/b.db", "http://127.0.0.1:5000 and sqlite:////a/b.db"),
    ],
)  # fmt: skip
def test_no_password_is_told(text: str, told: str) -> None:
    assert redact(text) == told


def test_a_store_is_shown_without_password_and_settings() -> None:
    assert shown("postgresql+psycopg2://me:pw@host/db?connect_timeout=5") == "postgresql://me:***@host/db"
    assert shown("sqlite:////runs/optuna.db") == "/runs/optuna.db"


def test_stores_are_files_of_the_home_or_what_its_stores_toml_or_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store_addresses(tmp_path)["mlflow"] == f"sqlite:///{tmp_path}/mlflow.db"
    (tmp_path / "stores.toml").write_text('mlflow = "http://tracker:5000/"\noptuna = "postgresql://me:pw@host/o"\n')
    named = store_addresses(tmp_path)
    assert named["mlflow"] == "http://tracker:5000"
    assert named["optuna"].startswith("postgresql+psycopg2://me:pw@host/o?connect_timeout=5&")
    monkeypatch.setenv("MAMLAB_MLFLOW_URL", "http://other:80")
    assert store_addresses(tmp_path)["mlflow"] == "http://other:80"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optuna = 5", 'stores.toml: optuna must be a URL in quotes, such as "postgresql://USER@HOST/DATABASE"'),
        ('storage = "x"', 'stores.toml: unknown key "storage"; valid keys: optuna, mlflow'),
        ("optuna = ", "stores.toml: not valid TOML"),
        ('optuna = "mysql://me:s3cret@h/d"', 'must be postgresql://USER@HOST/DATABASE, not "mysql://me:***@h/d"'),
        ('optuna = "http://h:1"', 'must be postgresql://USER@HOST/DATABASE, not "http://h:1"'),
        (
            'optuna = "postgresql://a:s3cret@h/d"\nmlflow = "postgresql://a:s3cret@h/d"',
            "cannot share the database postgresql://a:***@h/d",
        ),
    ],
)
def test_a_wrong_address_is_refused_without_its_password(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "stores.toml").write_text(text)
    with pytest.raises(ValueError) as refused:
        store_addresses(tmp_path)
    assert message in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.slow
def test_a_search_on_postgresql_is_the_search_on_sqlite(home: Home, tmp_path: Path) -> None:
    config = search(trials=10, workers=1)
    (tmp_path / "files").mkdir()
    assert run(config, home).finished
    states, ends = check_stores(home, config, 10), outcomes(home, "hunt")
    with pytest.MonkeyPatch.context() as without:
        for store in ("OPTUNA", "MLFLOW"):
            without.delenv(f"MAMLAB_{store}_URL")
        files = fresh_home(tmp_path / "files")
        run(config, files)
        assert check_stores(files, config, 10) == states
        assert outcomes(files, "hunt") == ends


def stop_once(server: Any, seconds: float, progresses: list[StudyProgress]) -> Any:
    """Return a `show` that stops the server after some epochs, and starts it again after `seconds`."""
    stopped: list[threading.Timer] = []

    def show(progress: StudyProgress) -> None:
        progresses.append(progress)
        if not stopped and any(row.epoch for row in progress.running):
            server.stop()
            stopped.append(threading.Timer(seconds, server.start))
            stopped[0].start()

    return show


@pytest.mark.slow
def test_while_postgresql_is_away_runs_go_on_and_everything_is_written_when_it_is_back(
    server: Postgres, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_SECONDS", EPOCH_SECONDS)
    config, seen = (
        ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }', "c": '{ "outer.beta1" = 0.81 }'}),
        list[StudyProgress](),
    )
    workers = LocalExecutor(2, 1, home.logs)
    last = run(config, home, stop_once(server, 4.0, seen), workers)
    workers.close()
    assert last.finished
    assert last.counts == {"complete": 4, "diverged": 2}
    assert check_stores(home, config, 6) == {"complete": 4, "diverged": 2}
    away = [progress for progress in seen if progress.away]
    assert "Optuna's store postgresql://postgres:@/" in away[0].away or "MLflow's store" in away[0].away
    trained = {row.label: row.epoch for progress in away for row in progress.running}
    assert max(trained.values()) == 3 or any(progress.just_ended for progress in away)
    assert any("Both databases are reachable again" in message for message in last.messages)
    assert not list(home.journal.glob("*.jsonl"))


@pytest.mark.slow
def test_a_search_through_an_outage_keeps_equal_books(
    server: Postgres, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_SECONDS", EPOCH_SECONDS)
    workers = LocalExecutor(2, 1, home.logs)
    assert run(search(8), home, stop_once(server, 2.0, []), workers).finished
    workers.close()
    assert check_stores(home, search(8), 8).total() == 8


@pytest.mark.slow
def test_what_a_driver_that_died_in_an_outage_could_not_write_is_written_at_the_next_start(
    server: Postgres, home: Home
) -> None:
    """The checkpoints of complete runs are not kept, so that only the journal has their results."""
    from study.spec.parsing import parse_spec

    text = ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1).spec_text
    config = parse_spec(text.replace("[execution]", '[execution]\nkeep = "none"'))
    driver = start(config, home)
    wait_for_new_epochs(home, 1, driver)
    server.stop()
    journal, end = home.journal / "arms.jsonl", time.monotonic() + 60
    try:
        while journal.read_text().count('"kind": "Finished"') < 2 if journal.exists() else True:
            assert time.monotonic() < end
            assert driver.poll() is None, driver.communicate()
            time.sleep(0.1)
        while list(home.checkpoints.glob("*/*.ckpt")):  # they go after the journal has the results
            assert time.monotonic() < end
            time.sleep(0.1)
    finally:
        driver.kill()
        driver.communicate()
        server.start()
    last = run(config, home)
    assert last.finished
    assert len(last.just_ended) == 0
    assert check_stores(home, config, 2) == {"complete": 2}
    assert not journal.exists()
    assert not [one for one in mlflow_runs(home, "arms") if "reused_from" in one.data.tags]
    assert not list(home.checkpoints.glob("*/*.ckpt"))  # nothing was trained again


def test_who_waits_for_a_lock_of_the_server_says_so_and_who_holds_it(
    server: Postgres, home: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("study.stores.advisory_lock.NOTICE_SECONDS", 0.2)
    with ThreadPoolExecutor() as pool:
        with advisory_lock(home.mlflow_url, "the store", print):
            waiting = pool.submit(open_mlflow, home)
            deadline, told = time.monotonic() + PATIENCE_SECONDS, ""
            while not told and time.monotonic() < deadline:
                time.sleep(0.05)
                told = capfd.readouterr().err
            assert not waiting.done()
        waiting.result()
    assert re.match(
        r"note: waiting for MLflow's store postgresql://\S+: its tables are being created or checked by a client on "
        r"the server itself, connected since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(server process \d+\)\n$",
        told,
    )


@pytest.mark.parametrize(
    ("store", "reason", "told"),
    [
        ("Optuna's store /home/runs/optuna.db", "database or disk is full", "cannot be written, because the disk of "
                                                                            "/home/runs is full ("),
        ("/tmp", "No space left on device", "cannot be written, because the disk of /tmp is full (No space left on "
                                            "device)"),
        ("MLflow's store /home/runs/mlflow.db", "Stale file handle", "cannot be read or written: Stale file handle"),
        ("MLflow's store http://tracker:5000", "refused", "does not answer: refused"),
    ],
)  # fmt: skip
def test_a_disk_that_is_full_is_no_server_that_does_not_answer(store: str, reason: str, told: str) -> None:
    assert str(StoreUnreachable(store, reason)).startswith(f"{store} {told}")


@pytest.mark.slow
def test_a_start_waits_for_a_store_and_a_reader_is_told_at_once(server: Postgres, home: Home) -> None:
    run(search(1), home)
    server.stop()
    began = time.monotonic()
    with pytest.raises(StoreUnreachable, match=r"Optuna's store postgresql://.* does not answer"):
        open_optuna(home)
    with pytest.raises(StoreUnreachable, match=r"MLflow's store postgresql://.* does not answer"):
        open_mlflow(home)
    assert time.monotonic() - began < 60
    seen: list[StudyProgress] = []

    def show(progress: StudyProgress) -> None:
        if progress.away and not any(one.away for one in seen):
            threading.Timer(0.5, server.start).start()
        seen.append(progress)

    assert run(search(2), home, show).finished
    assert next(one.away for one in seen if one.away).endswith("Waiting until it is available again")


def test_a_database_that_does_not_exist_is_an_error_and_not_waited_for(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = server.database(f"{tmp_path.name}-there")
    monkeypatch.setenv("MAMLAB_OPTUNA_URL", there.replace("-there", "-nowhere"))
    with pytest.raises(ValueError, match=r"Optuna's store .*-nowhere rejected the connection: .*does not exist"):
        open_optuna(Home(tmp_path))


@pytest.mark.slow
def test_an_mlflow_server_keeps_runs_and_artifacts_and_may_go_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STAND_IN_SECONDS", EPOCH_SECONDS)
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=2)
    with mlflow_server(tmp_path) as tracker:
        (tmp_path / "stores.toml").write_text(f'mlflow = "{tracker.url}"\n')
        home, workers = Home(tmp_path), LocalExecutor(2, 1, tmp_path / "logs")
        seen: list[StudyProgress] = []
        last = run(config, home, stop_once(tracker, 3.0, seen), workers)
        workers.close()
        assert capsys.readouterr().out == ""  # MLflow itself prints two addresses at the end of each run
        assert last.counts == {"complete": 4}
        assert check_stores(home, config, 4) == {"complete": 4}
        assert any(f"MLflow's store {tracker.url} does not answer" in progress.away for progress in seen)
        one = mlflow_runs(home, "arms")[0]
        assert one.info.artifact_uri.startswith("mlflow-artifacts:/")
        assert {"config.json", "per_task.json"} <= {
            file.path for file in open_mlflow(home).list_artifacts(one.info.run_id)
        }
        report = subprocess.run(
            [sys.executable, "-m", "study.cli", "report", "arms", "--home", str(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert report.returncode == 0, report.stderr
    again = subprocess.run(
        [sys.executable, "-m", "study.cli", "status", "--home", str(tmp_path)], capture_output=True, text=True
    )
    assert again.returncode == 2
    assert again.stderr.startswith(f"Reading MLflow ...\nerror: MLflow's store {tracker.url} does not answer")


def test_an_error_that_has_nothing_to_do_with_the_network_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        retry_while_locked(lambda: 1 / 0)
    with pytest.raises(StoreUnreachable, match="the store does not answer: refused"):
        retry_while_locked(lambda: (_ for _ in ()).throw(ConnectionRefusedError("refused")))
