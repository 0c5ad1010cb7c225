"""Results that others made are compared as our own are; what of a table does not fit is named."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mamlab
from reports.data.files import read_files
from reports.statistics.summary import summarise_ablation
from reports.tables.objects import ablation_object
from study.cli.main import run
from trainers.errors import InputError

from .store_rows import fresh_home

LONG = ["--arm", "variant", "--seed", "seed", "--metric", "rmse", "--base", "full"]


def results(seeds: int = 8) -> pd.DataFrame:
    """Return RMSE of three arms: one 70 worse than the base, one that differs by noise."""
    random = np.random.default_rng(0)
    base = 1700 + random.normal(0, 20, seeds)
    arms = {"full": base, "unscaled": base + 70 + random.normal(0, 8, seeds), "flat": base + random.normal(0, 8, seeds)}
    rows = [(arm, seed, value) for arm, values in arms.items() for seed, value in enumerate(values)]
    return pd.DataFrame(rows, columns=["variant", "seed", "rmse"])


def wide(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.pivot(index="seed", columns="variant", values="rmse").reset_index()


def compare(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status = run(["compare", *arguments, "--json"])
    printed = capsys.readouterr()
    assert not printed.err
    return status, json.loads(printed.out)


def by_arm(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["arm"]: one for one in found["comparisons"]}


def test_a_table_of_rmse_has_the_numbers_of_scipy_and_lower_is_better(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame, file = results(), tmp_path / "runs.csv"
    frame.to_csv(file, index=False)
    status, found = compare(capsys, str(file), *LONG)
    values = {str(arm): own["rmse"].to_numpy() for arm, own in frame.groupby("variant")}
    assert (status, found["schema"], found["metric"]["better"]) == (0, 1, "lower")
    for arm, one in by_arm(found).items():
        paired = stats.ttest_rel(values[arm], values["full"])
        low, high = paired.confidence_interval()
        flips = stats.permutation_test(
            (values[arm] - values["full"],), np.mean, permutation_type="samples", n_resamples=np.inf
        )
        assert one["difference"] == pytest.approx((values[arm] - values["full"]).mean())
        assert (one["low"], one["high"]) == pytest.approx((low, high))
        assert one["p"] == pytest.approx(flips.pvalue)
        assert (one["base"], one["n"]) == ("full", 8)
    for arm in found["arms"]:
        own = values[arm["arm"]]
        assert (arm["low"], arm["high"]) == pytest.approx(
            stats.t.interval(0.95, 7, own.mean(), stats.sem(own))
        )  # of no share: not on the logit scale, and not cut at 1
    assert {arm: one["verdict"] for arm, one in by_arm(found).items()} == {"unscaled": "worse", "flat": "undecided"}


def test_csv_parquet_frames_long_and_wide_tables_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = results()
    frame.to_csv(tmp_path / "long.csv", index=False)
    frame.to_csv(tmp_path / "long.tsv", index=False, sep="\t")
    frame.to_csv(tmp_path / "mark.csv", index=False, sep=";", encoding="utf-8-sig")
    frame.to_parquet(tmp_path / "long.parquet")
    wide(frame).to_csv(tmp_path / "wide.csv", index=False)
    wide(frame).to_parquet(tmp_path / "wide.parquet")
    frame.to_csv(tmp_path / "numbered.csv")
    wide(frame).to_csv(tmp_path / "numbered_wide.csv")
    wanted = by_arm(compare(capsys, str(tmp_path / "long.csv"), *LONG)[1])
    for name in ("long.tsv", "mark.csv", "numbered.csv", "long.parquet"):
        assert by_arm(compare(capsys, str(tmp_path / name), *LONG)[1]) == wanted
    for name in ("wide.csv", "numbered_wide.csv", "wide.parquet"):
        assert by_arm(compare(capsys, str(tmp_path / name), "--metric", "rmse", "--base", "full")[1]) == wanted
    for given in (frame, frame.set_index(["variant", "seed"])):
        again = mamlab.compare(given, arm="variant", metric="rmse", base="full").comparisons.set_index("arm")
        assert {arm: row["difference"] for arm, row in again.iterrows()} == pytest.approx(
            {arm: one["difference"] for arm, one in wanted.items()}
        )
        assert again["p_adjusted"].to_dict() == pytest.approx({arm: one["p_adjusted"] for arm, one in wanted.items()})


def test_the_exit_status_is_the_verdict_of_an_arm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "runs.csv"
    results().to_csv(file, index=False)
    for arm, better, status in (("unscaled", "lower", 3), ("unscaled", "higher", 0), ("flat", "lower", 5)):
        assert compare(capsys, str(file), *LONG, "--better", better, "--exit-verdict", arm)[0] == status
    assert run(["compare", str(file), *LONG, "--exit-verdict", "full"]) == 2
    assert "full is not compared with a base; choose one of: unscaled, flat" in capsys.readouterr().err


def test_with_a_margin_a_comparison_can_be_equivalent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "runs.csv"
    results().to_csv(file, index=False)
    for margin, status in (("12", 4), ("1", 5)):
        assert compare(capsys, str(file), *LONG, "--margin", margin, "--exit-verdict", "flat")[0] == status
    found = by_arm(compare(capsys, str(file), *LONG, "--margin", "12")[1])
    assert found["flat"]["finding"] == "equivalent (within 12)"
    assert found["unscaled"]["finding"] == "worse, by more than 12"
    values = {str(arm): own["rmse"].to_numpy() for arm, own in results().groupby("variant")}
    differences = values["flat"] - values["full"]
    above = stats.ttest_1samp(differences, -12, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, 12, alternative="less").pvalue
    assert max(above, below) * 2 < 0.05  # by Holm, of two comparisons
    assert run(["compare", str(file), *LONG, "--margin", "12"]) == 0
    assert "flat against full: equivalent (within 12)" in capsys.readouterr().out
    assert run(["compare", str(file), *LONG, "--margin", "0"]) == 2
    assert "margin = 0.0: must be a positive number" in capsys.readouterr().err


def test_runs_that_are_the_same_are_undecided_without_a_margin() -> None:
    rows = [(arm, seed, float(seed)) for arm in ("a", "b") for seed in range(6)]
    frame = pd.DataFrame(rows, columns=["arm", "seed", "loss"])
    found = mamlab.compare(frame, arm="arm", metric="loss", margin=1.0)
    (one,) = ablation_object(summarise_ablation(found.records, found.info))["comparisons"]
    assert (one["verdict"], one["difference"], one["low"]) == ("equivalent", 0.0, None)
    found = mamlab.compare(frame, arm="arm", metric="loss")
    (one,) = ablation_object(summarise_ablation(found.records, found.info))["comparisons"]
    assert (one["verdict"], one["finding"]) == ("undecided", "no difference in any seed")


def test_the_report_claims_nothing_that_nobody_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, folder = tmp_path / "runs.csv", tmp_path / "report"
    results().to_csv(file, index=False)
    assert run(["compare", str(file), *LONG, "--out", str(folder)]) == 0
    printed, page = capsys.readouterr().out, (folder / "report.md").read_text()
    for text in (printed, page):
        assert "full has the lowest mean rmse, 17" in text
        assert "(same" not in text
        assert "rmse, %" not in text
        assert "points" not in text
    bold = [line for line in page.splitlines() if "**" in line and line.startswith("|")]
    assert bold
    assert all(line.startswith("| full |") for line in bold)
    assert "accurac" not in page
    assert "The results come from runs.csv (SHA-256 " in page
    assert "one data set" not in page
    assert run(["verify", str(folder)]) == 0
    verified = " ".join(capsys.readouterr().out.split())
    assert "the results are of no study of mamlab; runs.csv (SHA-256 " in verified
    assert "sqlite" not in verified
    info, records = read_files(folder)
    assert (info.metric, info.pairing, len(records)) == (mamlab.Metric("rmse", "lower"), "", 24)
    capsys.readouterr()
    assert run(["compare", str(file), *LONG, "--pairing", "folds, training tasks", "--out", str(folder)]) == 0
    assert "paired by seed (same folds, same training tasks)" in capsys.readouterr().out
    assert "paired by seed (same folds, same training tasks)" in (folder / "report.md").read_text()


def test_shares_are_shown_in_percent_and_stay_within_0_and_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(arm, seed, value) for arm in "ab" for seed, value in enumerate((0.99, 0.999, 1.0, 0.97, 1.0, 0.98))]
    frame = pd.DataFrame(rows, columns=["variant", "seed", "accuracy"])
    result = mamlab.compare(frame, arm="variant", metric=mamlab.Metric("accuracy", unit="%", scale=100))
    assert result.arms["mean_high"].max() < 1
    assert "98.98" in result.report(tmp_path / "report").with_name("report.md").read_text()
    assert not capsys.readouterr().out


def test_rows_with_tasks_are_runs_of_their_mean_with_an_interval_over_tasks() -> None:
    random = np.random.default_rng(1)
    rows = [
        (arm, seed, task, shift + random.normal())
        for arm, shift in (("a", 10.0), ("b", 12.0))
        for seed in range(6)
        for task in range(5)
    ]
    frame = pd.DataFrame(rows, columns=["arm", "seed", "task", "loss"])
    found = mamlab.compare(frame, arm="arm", task="task", metric="loss")
    means = frame.groupby(["arm", "seed"])["loss"].mean()
    assert found.arms["mean"].tolist() == pytest.approx([means["a"].mean(), means["b"].mean()])
    assert all(len(record.per_task["single"]) == 5 for record in found.records)
    other = frame[~((frame["arm"] == "b") & (frame["task"] == 4))]
    less = mamlab.compare(other, arm="arm", task="task", metric="loss")
    assert not any(record.per_task for record in less.records)
    note = "the arms do not have the same tasks in seed 0, 1, 2, 3, 4, 5, so their differences also contain task noise"
    assert less.info.notes[0].startswith(note)
    assert note in less.info.source
    one = frame[~((frame["seed"] == 3) & (frame["arm"] == "b") & (frame["task"] == 4))]
    kept = mamlab.compare(one, arm="arm", task="task", metric="loss").records
    assert {record.seed for record in kept if not record.per_task} == {3}


def test_a_frame_whose_index_stands_in_a_column_too_is_read() -> None:
    frame = pd.DataFrame([(a, s, s + 0.1 * (a == "b")) for a in "ab" for s in range(3)], columns=["arm", "seed", "x"])
    plain = mamlab.compare(frame, arm="arm", metric="x", better="lower")
    for other in (frame.set_index("seed", drop=False), frame.set_index("seed"), frame.sample(frac=1, random_state=0)):
        again = mamlab.compare(other, arm="arm", metric="x", better="lower", base="a")
        assert again.comparisons["difference"].tolist() == pytest.approx(plain.comparisons["difference"].tolist())


def test_an_index_of_which_a_level_stands_in_a_column_too_is_read() -> None:
    frame = pd.DataFrame([(a, s, s + 0.1 * (a == "b")) for a in "ab" for s in range(3)], columns=["arm", "seed", "x"])
    other = frame.set_index(["arm", "seed"]).assign(seed=frame["seed"].to_numpy())
    found = mamlab.compare(other, arm="arm", metric="x", better="lower")
    assert found.comparisons["difference"].tolist() == pytest.approx([0.1])
    with pytest.raises(mamlab.MamlabError, match="these are results of other tools, without Optuna's database"):
        _ = found.optuna_study


def test_other_line_breaks_are_part_of_a_cell_and_an_open_quote_is_said(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text('arm,seed,acc\na\u2028\x0cz,0,1\n"a\u2028\x0cz",1,2\nb,0,3\nb,1,4\n', encoding="utf-8")
    assert mamlab.compare(file, arm="arm", metric="acc").arms["arm"].tolist() == ["a\u2028\x0cz", "b"]
    file.write_text('arm,seed,acc\na,0,"1\n' + "a,1,2\n" * 40_000, encoding="utf-8")
    with pytest.raises(mamlab.MamlabError, match=r"cannot be read as CSV: field larger .*; is a quotation mark"):
        mamlab.compare(file, arm="arm", metric="acc")


def test_missing_seeds_and_values_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame, file = results(), tmp_path / "runs.csv"
    frame.loc[(frame["variant"] == "flat") & (frame["seed"] == 3), "rmse"] = math.nan
    frame = frame[~((frame["variant"] == "flat") & (frame["seed"] == 5))]
    frame.to_csv(file, index=False)
    _, found = compare(capsys, str(file), *LONG)
    assert {arm["arm"]: (arm["n"], arm["failed"]) for arm in found["arms"]} == {
        "full": (8, 0), "unscaled": (8, 0), "flat": (6, 1),
    }  # fmt: skip
    assert by_arm(found)["flat"]["n"] == 6
    assert found["excluded"] == [{"run": "flat / seed 3 (line 21)", "reason": "line 21: no value of rmse"}]
    assert run(["compare", str(file), *LONG]) == 0
    assert "6 (1 failed)" in capsys.readouterr().out


def test_large_seeds_stay_apart(tmp_path: Path) -> None:
    """2^60 and 2^60 + 7 are one number as floats."""
    seeds = [2**60 + 1000 * i for i in range(8)]
    frame = pd.DataFrame({"variant": ["a"] * 8 + ["b"] * 8, "seed": [*seeds, *(seed + 7 for seed in seeds)]})
    frame["rmse"] = [0.1 * i for i in range(16)]
    frame.to_csv(tmp_path / "runs.csv", index=False)
    for source in (frame, tmp_path / "runs.csv"):
        found = mamlab.compare(source, arm="variant", metric="rmse")
        assert sorted(found.runs["seed"]) == sorted(frame["seed"])
        assert found.comparisons["n"].tolist() == [0]


def test_a_metric_may_be_called_as_a_column_of_runs() -> None:
    frame = results()
    for name, column in (("epochs", "epochs"), ("compute", "compute"), ("state", "metric:state")):
        found = mamlab.compare(frame.rename(columns={"rmse": name}), arm="variant", metric=mamlab.Metric(name, "lower"))
        assert sorted(found.runs[column]) == sorted(frame["rmse"])
        assert set(found.runs["name"]) != {None}


def refused(file: Path, text: str, *arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    file.write_text(text)
    assert run(["compare", str(file), *(arguments or LONG)]) == 2
    printed = capsys.readouterr()
    assert not printed.out
    return " ".join(printed.err.split())


HEAD = "variant,seed,rmse\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("full,0,1\nflat,0,n/a\nflat,1,2\n", "1 row does not fit. Fix or remove them: line 3: rmse must be a number"),
        ("full,0,1\nflat,0,2\nflat,0,3\n", "line 4: arm flat, seed 0 (3) is already in line 3 (2)"),
        ("full,0,1\nflat,0,2\nflat,0,2\n", "line 4: arm flat, seed 0 (2) is already in line 3 (2)"),
        ("full,0,1\nfull,1,2\n", "runs.csv: full is the only arm, so there is nothing to compare it with"),
        ("full,one,1\nflat,0,2\n", "line 2: seed must be a whole number, not 'one'; number the seeds"),
        ("full,0.5,1\nflat,0,2\n", "line 2: seed must be a whole number, not '0.5'"),
        (f"full,{2**63},1\nflat,0,2\n", "line 2: seed must be a whole number of at most 64 bits, not '922337"),
        ("full,,1\nflat,0,2\n", "line 2: seed must be a whole number, not ''"),
        (",0,1\nflat,0,2\n", "line 2: variant is empty; each row needs its arm"),
        ("full,0,\"1,5\"\nflat,0,2\n", "line 2: rmse must be a number, not '1,5'; write a decimal point, as in 1.5"),
        ("full,0,80.01%\nflat,0,2\n", "rmse must be a number, not '80.01%'; write the number without %"),
        ("flat,0,1\nother,0,2\n", "base = 'full': no such arm in runs.csv; there are flat, other"),
        ("full,0,1\nflat,0\n", "line 3: must have as many columns as the header, which has 3"),
        ("", "runs.csv: it has no rows, so there is nothing to compare"),
    ],
)  # fmt: skip
def test_a_row_that_does_not_fit_is_named(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(tmp_path / "runs.csv", HEAD + text, capsys=capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--arm", "varian", "--metric", "rmse"], "there is no column 'varian'; did you mean 'variant'?"),
        (["--arm", "variant", "--metric", "loss"], "there is no column 'loss'; there are variant, seed, rmse"),
        (["--arm", "variant", "--metric", "rmse", "--task", "fold"], "there is no column 'fold'"),
        (["--arm", "variant"], "name the column of the values"),
        (["--arm", "variant", "--metric", "size"], "write --better higher or --better lower"),
        (["--arm", "variant", "--metric", "rmse", "--filter", "x"], "only an MLflow experiment is filtered"),
        (["--arm", "variant", "--metric", "rmse", "--scale", "0"], "metric.scale: must be a positive number, not 0"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(tmp_path / "runs.csv", HEAD + "full,0,1\nflat,0,2\n", *arguments, capsys=capsys)


def test_spaces_in_a_header_are_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(tmp_path / "runs.csv", "variant,seed ,rmse\nfull,0,1\nflat,0,2\n", capsys=capsys)
    assert "there is no column 'seed'; did you mean 'seed '?" in said


def test_ten_of_many_rows_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(tmp_path / "runs.csv", HEAD + "full,0,x\n" * 14, capsys=capsys)
    assert "14 rows do not fit" in said
    assert "line 11: rmse" in said
    assert "line 12" not in said
    assert "... and 4 more" in said


def test_no_file_no_table_and_no_configs_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", str(tmp_path / "none.csv"), *LONG]) == 2
    assert "none.csv: no such file" in capsys.readouterr().err
    assert run(["compare", *LONG]) == 2
    assert "name either a table, or an experiment with --mlflow URI EXPERIMENT" in capsys.readouterr().err
    assert run(["compare", str(tmp_path), *LONG]) == 2
    assert "it is a folder; name the file in it" in capsys.readouterr().err
    (tmp_path / "book.xlsx").write_bytes(b"PK")
    assert run(["compare", str(tmp_path / "book.xlsx"), *LONG]) == 2
    assert "book.xlsx is a workbook; save its sheet as CSV" in capsys.readouterr().err
    (tmp_path / "bad.parquet").write_text("no parquet")
    assert run(["compare", str(tmp_path / "bad.parquet"), *LONG]) == 2
    assert "bad.parquet cannot be read as Parquet" in capsys.readouterr().err
    with pytest.raises(InputError, match="configs: missing; write compare"):
        mamlab.compare("name", data="glyphs")
    with pytest.raises(InputError, match="results: must be a pandas frame or a file, not 3"):
        mamlab.compare(3, metric="rmse")  # type: ignore[arg-type]
    result = mamlab.compare(results(), arm="variant", metric="rmse")
    assert (
        result.runs.set_index(["arm", "seed"])["rmse"]["flat", 3]
        == results().set_index(["variant", "seed"])["rmse"]["flat", 3]
    )
    with pytest.raises(InputError, match="out: these results have no home; name a folder"):
        result.report()
    with pytest.raises(InputError, match="has results without settings, so there are no configs"):
        result.config("full")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return an MLflow store with an experiment as a user's loop leaves it."""
    from mlflow import MlflowClient

    uri = fresh_home(tmp_path_factory.mktemp("mlflow")).mlflow_url
    client = MlflowClient(uri)
    experiment = client.create_experiment("mine")
    for _, row in results(6).iterrows():
        run_id = client.create_run(experiment, tags={"variant": row["variant"]}).info.run_id
        client.log_param(run_id, "seed", row["seed"])
        client.log_metric(run_id, "rmse", 9999.0, step=0)
        client.log_metric(run_id, "rmse", row["rmse"], step=1)
        client.set_terminated(run_id)
    failed = client.create_run(experiment, tags={"variant": "flat"}).info.run_id
    client.log_param(failed, "seed", 6)
    client.set_terminated(failed, "FAILED")
    client.create_run(experiment, tags={"variant": "flat"})  # still runs
    client.set_terminated(client.create_run(experiment).info.run_id)  # without an arm
    return uri


MLFLOW = ["--arm", "tags.variant", "--seed", "params.seed", "--metric", "rmse"]


def test_an_mlflow_experiment_of_another_program_is_compared(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, found = compare(capsys, "--mlflow", store, "mine", *MLFLOW)
    wanted = mamlab.compare(results(6), arm="variant", metric="rmse").comparisons
    assert [(one["arm"], one["base"], one["n"]) for one in found["comparisons"]] == [
        ("unscaled", "full", 6), ("flat", "full", 6),
    ]  # fmt: skip
    assert [one["difference"] for one in found["comparisons"]] == pytest.approx(wanted["difference"].tolist())
    assert found["notes"] == [
        "1 run without tags.variant was skipped",
        "1 run that has not ended was skipped",
    ]
    assert [one["reason"].rpartition(": ")[2] for one in found["excluded"]] == ["no value of rmse"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mlflow", "{}", "yours", *MLFLOW], "there is no experiment 'yours' in"),
        (["--mlflow", "{}x", "mine", *MLFLOW], "there is no MLflow store at sqlite:///"),
        (
            ["--mlflow", "{}", "mine", *MLFLOW[2:], "--arm", "variant"],
            "arm = 'variant': write tags.NAME or params.NAME",
        ),
        (["--mlflow", "{}", "mine", *MLFLOW[2:]], "arm = '': write tags.NAME or params.NAME"),
        (["--mlflow", "{}", "mine", *MLFLOW[2:], "--arm", "tags.kind"], "no finished run has tags.kind"),
        (["--mlflow", "{}", "mine", *MLFLOW[:4], "--metric", "loss"], "no run has the metric 'loss'; there are rmse"),
        (["--mlflow", "{}", "mine", *MLFLOW[:2], "--metric", "rmse"], "seed = 'seed': write tags.NAME or params.NAME"),
        (["--mlflow", "{}", "mine", *MLFLOW, "--filter", "nonsense"], "MLflow at sqlite:///"),
        (["--mlflow", "http://127.0.0.1:9", "mine", *MLFLOW], "MLflow at http://127.0.0.1:9: "),
        (["--mlflow", "what://x", "mine", *MLFLOW], "MLflow at what://x: "),
        (["--mlflow", "postgresql://u:secret@127.0.0.1:9/x", "mine", *MLFLOW], "MLflow at postgresql://u:***@"),
    ],
)
def test_what_an_experiment_does_not_have_is_named(
    arguments: list[str], message: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", *(one.replace("{}", store) for one in arguments)]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_metric_of_tiny_numbers_is_no_tie(capsys: pytest.CaptureFixture[str]) -> None:
    frame = results()
    small = frame.assign(rmse=frame["rmse"] * 1e-14)
    large, tiny = (mamlab.compare(one, arm="variant", metric="rmse").comparisons for one in (frame, small))
    assert tiny["p_adjusted"].tolist() == large["p_adjusted"].tolist()
    assert (tiny["difference_low"] * 1e14).tolist() == pytest.approx(large["difference_low"].tolist())
    assert tiny["share_better"].tolist() == large["share_better"].tolist()
