from __future__ import annotations

from pathlib import Path

import pytest

from study.cli.main import run
from study.mlflow_ui.addresses import address_lines, shown_studies, tunnel
from study.mlflow_ui.server import check_port, reached_at
from study.stores.home import Home
from study.stores.study_names import UnknownStudyError
from trainers.errors import InputError

from . import store_rows

SERVER = "http://127.0.0.1:5001"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = store_rows.fresh_home(tmp_path_factory.mktemp("home"))
    arms = {"one": "{}", "two": "{ outer.lr = 0.002 }"}
    for name in ("first", "second", "third"):
        store_rows.run(store_rows.ablation(arms, seeds=1, name=name), home)
    return home


def test_the_latest_study_has_three_labelled_lines_and_each_other_one_line(home: Home) -> None:
    lines = list(address_lines(home, shown_studies(home), SERVER))
    assert [line.split()[0] for line in lines] == ["first:", "second:", "third", "table", "charts", "report"]
    assert all(f"{SERVER}/#/experiments/" in line for line in lines if line.split()[0] not in ("third", "report"))
    assert "mamlab report third" in lines[-1]


def test_an_ablation_opens_on_its_arm_summaries_as_soon_as_it_has_some(home: Home) -> None:
    at = {study.name: study.address(SERVER) for study in shown_studies(home)}
    assert at["second"].endswith("&viewStateShareKey=arms")  # its summaries would be an empty table
    assert run(["report", "second", "--home", str(home.root)]) == 0
    at = {study.name: study.address(SERVER) for study in shown_studies(home)}
    assert at["second"].endswith("&viewStateShareKey=summary")
    assert next(iter(shown_studies(home, "second")[-1].views.values())) == "Arm summaries"


def test_a_host_is_reached_where_it_listens() -> None:
    hosts = {"127.0.0.1": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]", "10.0.0.5": "10.0.0.5"}
    assert {host: reached_at(host) for host in hosts} == hosts
    with pytest.raises(InputError, match=r"--host 192\.0\.2\.1: this machine has no such address"):
        check_port(5000, "192.0.2.1")


def test_the_study_that_is_named_comes_last(home: Home) -> None:
    lines = list(address_lines(home, shown_studies(home, "second"), SERVER))
    assert [line.split()[0] for line in lines][:3] == ["first:", "third:", "second"]
    with pytest.raises(UnknownStudyError, match=r"no study named 'fourth' in .* \(studies: third, second, first\)"):
        shown_studies(home, "fourth")


def test_over_ssh_the_tunnel_is_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    assert tunnel(5000) == ""
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.9 5022 10.0.0.1 22")
    monkeypatch.setenv("LOGNAME", "ada")
    assert tunnel(5001) == "ssh -L 5001:127.0.0.1:5001 ada@10.0.0.1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org"])
def test_a_host_that_others_reach_needs_a_word_about_them(
    host: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ui", "--host", host, "--home", str(home.root)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: --host {host}: everyone who can reach this machine could then read, change")
    assert "--anyone" in told


@pytest.mark.slow
def test_links_of_reports_lead_to_where_the_ui_served_last(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path)
    assert other.ui_address == "http://127.0.0.1:5000"
    other.keep_ui_address(SERVER)
    assert Home(tmp_path).ui_address == SERVER
    for options, address in (([], "http://127.0.0.1:5000/#/"), (["--ui-address", "https://ml.example.org"], None)):
        out = tmp_path / f"report{len(options)}"
        assert run(["report", "first", "--out", str(out), "--home", str(home.root), *options]) == 0
        assert f'<a href="{address or "https://ml.example.org/#/"}' in (out / "index.html").read_text(encoding="utf-8")
        assert ("](https://ml.example.org" in (out / "report.md").read_text(encoding="utf-8")) == bool(options)


def test_an_address_that_no_browser_opens_is_refused(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "first", "--ui-address", "ml.example.org:5000", "--home", str(home.root)]) == 2
    assert "must begin with http:// or https://, not 'ml.example.org:5000'" in capsys.readouterr().err
