import dataclasses
import json
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import pytest

from reports.build import build_report, latex_files
from reports.components import NAMES
from reports.data.loading import from_files, from_mlflow
from reports.document import Report, compose
from reports.escaping import markdown
from reports.figures.search import trial_curves
from reports.links import arm_filters
from reports.metric import Metric
from reports.records import Factorial, ReportError, StudyInfo, Sweep
from reports.render.html import best_is_highest, to_html
from reports.render.latex import escape as latex
from reports.render.latex import to_latex
from reports.render.markdown import to_markdown
from reports.statistics.estimate import accuracy_estimate, difference_estimate, paired
from reports.statistics.importance import parameter_importance
from reports.statistics.summary import summarise_ablation, summarise_search
from reports.tables.ablation import arms_table, details_table, family_table
from reports.tables.cells import Cell, Column, Table
from reports.tables.trials import trials_table
from reports.text import interval, measured, with_interval
from trainers.sections import COMPONENTS

from . import example

NASTY = "<script>alert(1)</script> | $x_1$ & \\frac 100 % *bold* ünï 漢字"
B_TO_A = StudyInfo("s", "ablation", families=example.against(("B", "A")))


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("records", "info"),
    [
        (example.ablation(), example.ABLATION),
        pytest.param(example.search(), example.SEARCH, marks=pytest.mark.slow),
    ],
)
def test_the_same_records_in_any_order_or_from_files_give_the_same_bytes(records, info, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    index = build_report(records, info, tmp_path / "a")
    assert index == tmp_path / "a" / "index.html"
    build_report(records[::-1], info, tmp_path / "b")
    again, loaded = from_files(tmp_path / "a")
    build_report(loaded, again, tmp_path / "c")
    assert again == info
    assert _files(tmp_path / "a") == _files(tmp_path / "b") == _files(tmp_path / "c")


def test_the_page_needs_no_other_file_and_its_figures_are_well_formed(tmp_path: Path) -> None:
    page = build_report(example.ablation(), example.ABLATION, tmp_path).read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!http://127\.0\.0\.1:5000|#)', page)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    figures = sorted((tmp_path / "figures").glob("*.svg"))
    names = ["components", "curves_val_accuracy", "curves_val_loss", "differences", "main_curves"]
    assert [path.stem for path in figures] == names
    assert sorted(path.stem for path in (tmp_path / "figures").glob("*.pdf")) == names
    for path in figures:
        ET.parse(path)


def test_a_report_into_a_file_is_an_error_that_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ReportError, match=r"folder .*file cannot be made: File exists; name another one with --out FOLDER"
    ):
        build_report([example.record(0)], StudyInfo("s", "train"), tmp_path / "file")


def test_arms_that_drop_the_same_setting_for_the_same_reason_share_a_note() -> None:
    dropped = {"A": {"bnrs": "why"}, "B": {"bnrs": "why"}, "C": {"bnrs": "else"}, "D": {}}
    records = [example.record(i, arm=arm, tags={"dropped": json.dumps(dropped[arm])}) for i, arm in enumerate(dropped)]
    notes = arms_table(summarise_ablation(records, StudyInfo("s", "ablation"))).notes
    assert [note for note in notes if "bnrs" in note] == [
        "A, B: the setting bnrs was dropped: it has no effect there (why).",
        "C: the setting bnrs was dropped: it has no effect there (else).",
    ]
    notes = arms_table(summarise_ablation(records[:2], StudyInfo("s", "ablation"))).notes
    assert notes[-1] == "All arms: the setting bnrs was dropped: it has no effect there (why)."


def test_a_family_has_a_table_with_its_base_first_and_counts_the_diverged_run() -> None:
    found = summarise_ablation(example.ablation(), example.ABLATION)
    table = family_table(found, "arms against MAML")
    rows = {row[0].text: [cell.text for cell in row] for row in table.rows}
    assert list(rows) == ["MAML", "MAML + LSLR", "MAML + MSL"]
    assert rows["MAML"][4:] == ["–"] * 5
    assert (rows["MAML + MSL"][1], rows["MAML + MSL"][4:6]) == ("2 (1 of 3 diverged)", ["2", "89.10"])
    assert (
        "Runs excluded from means: MAML + MSL 1 of 3 diverged. Means and differences are over the runs that finished."
        in table.notes
    )
    assert [row[0].text for row in table.rows if row[2].best] == ["MAML + LSLR"]
    assert "inner step 2" in found.excluded[0].reason


def test_the_details_say_what_p_could_be_reached() -> None:
    table = details_table(summarise_ablation(example.ablation(), example.ABLATION))
    row = dict(zip([column.title for column in table.columns], [cell.text for cell in table.rows[0]], strict=True))
    assert (row["n pairs"], row["Smallest p"], row["Adjusted p"], row["Holm p"]) == (
        "3",
        "0.25",
        "0.25",
        "0.75",
    )  # 3 seeds, family of 3


def test_an_interval_that_is_all_that_can_be_is_shown_as_too_few_seeds() -> None:
    wide, whole = paired({0: 0.9, 1: 0.5}, {0: 0.5, 1: 0.6}), accuracy_estimate([0.9, 0.5])
    assert (wide.low, wide.high, wide.too_few) == (whole.low, whole.high, whole.too_few) == (None, None, True)
    twice = difference_estimate([0.9, -0.5], reach=2)
    assert twice.too_few
    assert difference_estimate([0.3, 0.1], reach=2).ends == pytest.approx((-1.0706, 1.4706), abs=1e-4)
    assert with_interval(wide, signed=True) == "+15.00 (too few seeds), n = 2"
    assert (interval(whole), measured(whole)) == ("too few seeds", "70.00 % (too few seeds), n = 2")
    narrow = paired({0: 0.9, 1: 0.91}, {0: 0.5, 1: 0.5})
    assert narrow.ends == (narrow.low, narrow.high)
    assert interval(narrow, signed=True) == "[+34.15, +46.85]"


def test_one_seed_gives_a_mean_and_says_that_there_is_no_interval() -> None:
    rows = {
        row[0].text: [cell.text for cell in row]
        for row in arms_table(summarise_ablation(example.ablation(1), example.ABLATION)).rows
    }
    assert rows["MAML"][1:4] == ["1", "89.00", "n = 1, no interval"]


def test_runs_without_numbers_are_listed_and_in_no_mean() -> None:
    records = [
        example.record(0, arm="A", accuracy=0.9),
        example.record(1, arm="A", seed=1, accuracy=math.nan),
        example.record(2, arm="A", seed=2, metrics={}),
        example.record(3, arm="A", seed=0, accuracy=0.1),
        example.record(4, "running", arm="B", metrics={}, curves={}),
    ]
    found = summarise_ablation(records, B_TO_A)
    assert [arm.estimate.n for arm in found.arms] == [1, 0]
    assert found.arm("A").values == {0: 0.9}
    assert [e.reason for e in found.excluded] == [
        "complete, but test_accuracy is nan",
        "complete, but test_accuracy was never logged",
        "a second complete run of this arm and seed 0; the first one counts",
        "ended as running",
    ]
    page = to_html(compose(records, B_TO_A))
    assert "nan %" not in page.lower()


def test_names_are_escaped_in_every_format(tmp_path: Path) -> None:
    records = [example.record(seed, arm=arm, seed=seed, trial=None) for arm in (NASTY, "A") for seed in range(2)]
    info = StudyInfo(NASTY, "ablation", families=example.against((NASTY, "A")), mlflow_address="javascript:alert(1)")
    page = build_report(records, info, tmp_path).read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "javascript:" not in page
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "<script>" not in text
    arms = text[text.index("### Arms against A") :].split("\n\n")[1].splitlines()
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in arms}) == 1
    for path in (tmp_path / "figures").glob("*.svg"):
        ET.parse(path)
    latex = (tmp_path / "tables" / "arms-against-a.tex").read_text(encoding="utf-8")
    assert r"\textless{}script\textgreater{}" in latex
    assert r"\$x\_1\$ \& \textbackslash{}frac 100 \% {*}bold{*} ünï 漢字" in latex


def test_markdown_escapes_what_a_forge_would_read() -> None:
    assert markdown("a|b\n<i> $x$ *y*") == r"a\|b &lt;i&gt; \$x\$ \*y\*"


def test_latex_keeps_a_bracket_that_begins_a_row_and_two_hyphens() -> None:
    assert latex("[a] --x ~^ {#}") == r"{[}a{]} -{}-x \textasciitilde{}\textasciicircum{} \{\#\}"


@pytest.mark.pinned
@pytest.mark.parametrize("name", sorted(example.GOLDEN))
def test_markdown_and_latex_are_as_they_were_looked_at(name: str) -> None:
    folder = Path(__file__).parent / "golden"
    assert example.GOLDEN[name]() == (folder / name).read_text(encoding="utf-8"), (
        "if meant: python -m tests.reports_tests.example"
    )


def test_a_paper_s_numbers_stand_beside_arms_of_the_same_name() -> None:
    info = dataclasses.replace(example.ABLATION, paper="omniglot-20way-1shot")
    table = next(t for t in compose(example.ablation(), info).tables if t.title == "Beside the paper")
    titles = [column.title for column in table.columns]
    rows = [dict(zip(titles, (cell.text for cell in row), strict=True)) for row in table.rows]
    assert [(r["Arm"], r["Paper, % (sd)"], r["Paper's gain, points"], r["Paper's rank"]) for r in rows] == [
        ("MAML", "91.27 (1.07)", "–", "4"),
        ("MAML + MSL", "91.53 (0.69)", "+0.26", "3"),
        ("MAML + LSLR", "95.77 (0.38)", "+4.50", "2"),
        ("MAML++", "97.65 (0.05)", "+6.38", "1"),
    ]
    assert table.notes[-1] == "Differences in protocol: data glyphs (paper: omniglot)."
    with pytest.raises(ReportError, match="paper = 'imagenet' is not known; choose one of: omniglot-20way-1shot"):
        compose(example.ablation(), dataclasses.replace(info, paper="imagenet"))
    with pytest.raises(ReportError, match="a search has no arms to compare with a paper's; leave --paper out"):
        compose(example.search(), dataclasses.replace(example.SEARCH, paper="omniglot-20way-1shot"))
    with pytest.raises(ReportError, match="that table of the paper has the arms MAML, MAML"):
        compose([example.record(0, arm="mine")], StudyInfo("s", "ablation", paper="omniglot-20way-1shot"))


def _beside_the_paper(accuracies: dict[str, list[float]]) -> Table:
    cells = [(arm, seed, value) for arm, values in accuracies.items() for seed, value in enumerate(values)]
    records = [
        example.record(place, arm=arm, seed=seed, metrics={"test_accuracy": value})
        for place, (arm, seed, value) in enumerate(cells)
    ]
    families = example.against(*((arm, "MAML") for arm in accuracies if arm != "MAML"))
    report = compose(records, StudyInfo("s", "ablation", families=families, paper="omniglot-20way-1shot"))
    return next(table for table in report.tables if table.title == "Beside the paper")


def test_the_order_is_compared_with_the_paper_s() -> None:
    order = ["MAML", "MAML + MSL", "MAML + DA", "MAML + CA", "MAML + BNWB", "MAML + LSLR", "MAML++"]
    same = _beside_the_paper({arm: [0.9 + place / 100, 0.91 + place / 100] for place, arm in enumerate(order)})
    assert "over 7 arms is 1.00 (1: the same order" in " ".join(same.notes)
    assert "BNWB + BNRS is compared with MAML + BNWB" in " ".join(same.notes)
    assert [row[6].text for row in same.rows] == list("7654321")
    assert [row[4].text for row in same.rows][:3] == ["–", "+1.00", "+2.00"]
    swapped = [order[1], order[0], *order[2:]]  # one pair of 21 in the other order: (20 - 1) / 21
    assert "over 7 arms is 0.90 (1: the same order" in " ".join(
        _beside_the_paper({arm: [0.9 + place / 100, 0.91 + place / 100] for place, arm in enumerate(swapped)}).notes
    )
    assert not any("Kendall" in note for note in _beside_the_paper({arm: [0.9] for arm in order}).notes)


def test_the_audit_pairs_the_same_checkpoints() -> None:
    audit = {"batch.top1": [0.9, 0.8], "running.top1": [0.8, 0.8], "batch.top3": [1.0, 0.8]}
    records = [example.record(i, arm=arm, per_task=audit) for i, arm in enumerate("AB")]
    report = compose(records, B_TO_A)
    levels, gaps = (table for table in report.tables if table.title.startswith("Audit"))
    assert [column.title for column in levels.columns][2:] == [
        "batch, top 1, %",
        "batch, top 3, %",
        "running, top 1, %",
    ]
    assert [cell.text for cell in levels.rows[0]] == ["A", "1", "85.00 (n = 1)", "90.00 (n = 1)", "80.00 (n = 1)"]
    titles = ["batch − running, top 1", "batch, top 3 − top 1"]
    assert [column.title for column in gaps.columns][2:] == titles
    assert [cell.text for cell in gaps.rows[0]] == ["A", "1", "+5.00 (n = 1)", "+5.00 (n = 1)"]
    assert {cell.runs for table in (levels, gaps) for cell in table.rows[0]} == {(records[0].run_id,)}


def test_learned_rates_and_msl_weights_are_drawn_where_runs_have_them() -> None:
    curves = {
        "inner_rate/conv0.weight": [(1, 0.1), (2, -0.2)],
        "msl_weight/step 1": [(1, 0.5), (2, 0.0)],
        "msl_weight/step 2": [(1, 0.5), (2, 1.0)],
        "second_order": [(1, 0.0), (2, 1.0)],
    }
    records = [example.record(i, arm=arm, curves=curves) for i, arm in enumerate("AB")]
    report = compose(records, B_TO_A)
    assert [figure.name for figure in report.figures] == [
        "components", "differences", "learned_rates", "msl_weights",
    ]  # fmt: skip
    assert "conv0.weight" in report.figures[2].svg
    assert "first-order epochs (DA)" in report.figures[3].svg


def test_a_factorial_and_a_sweep_have_their_tables_and_figures() -> None:
    arms = {"none": (), "A": ("A",), "B": ("B",), "A, B": ("A", "B")}
    values = {"none": 0.5, "A": 0.6, "B": 0.7, "A, B": 0.9}
    records = [
        example.record(4 * seed + i, arm=arm, seed=seed, accuracy=values[arm] + 0.01 * seed * (i + 1))
        for seed in range(3)
        for i, arm in enumerate(arms)
    ]
    design, sweep = Factorial(("A", "B"), arms), Sweep("inner.steps", {"none": 1, "A": 2, "B": 3, "A, B": 4})
    report = compose(records, StudyInfo("s", "ablation", factorial=design, sweep=sweep))
    tables = {table.title: [[cell.text for cell in row] for row in table.rows] for table in report.tables}
    # With seed 0 alone: A brings 0.1 and 0.2, B 0.2 and 0.3, all 0.4; seeds add 0, 0.01, 0.02 times the arm's number.
    assert [row[:2] for row in tables["Main effects and interactions"]] == [
        ["A", "+16.00"],
        ["B", "+27.00"],
        ["A × B", "+5.00"],
    ]
    assert [row[:2] for row in tables["Split of the whole gain"]] == [
        ["A", "+16.00"],
        ["B", "+27.00"],
        ["All together", "+43.00"],
    ]
    assert tables["Sweep of inner.steps"][0][:3] == ["1", "3", "51.00"]
    assert [figure.name for figure in report.figures][:3] == ["shapley", "effects", "sweep"]
    leads_to = {table.title: [{len(cell.runs) for cell in row} for row in table.rows] for table in report.tables}
    assert leads_to["Main effects and interactions"] == [{12}] * 3
    assert leads_to["Split of the whole gain"] == [{12}] * 3
    assert leads_to["Sweep of inner.steps"] == [{3}] * 4


def test_a_number_of_more_runs_than_an_address_can_name_leads_to_all_runs() -> None:
    report = Report("s", (), (), "http://127.0.0.1:5000/", "7")
    few, many = (report.link(Cell("1", 1, tuple(f"{i:x}" for i in range(n)))) for n in (50, 51))
    assert few is not None
    here = "http://127.0.0.1:5000/#/experiments/7/runs?workflowType=machine_learning"
    assert few.startswith(f"{here}&searchFilter=attributes.run_id%20IN%20%28%270%27%2C%20%271%27")
    asked = "searchFilter=tags.role%20%3D%20%27run%27&orderByKey=metrics.%60best_val_accuracy%60&orderByAsc=false"
    assert many == f"{here}&{asked}"


def test_the_best_complete_trial_is_first_and_pruned_ones_have_no_rank() -> None:
    search = summarise_search(example.search(), example.SEARCH)
    assert search.complete[0].value.mean == pytest.approx(0.95)  # LSLR on, 5 steps
    table = trials_table(search)
    assert [row[0].text for row in table.rows].count("–") == 7  # 6 pruned, 1 diverged
    assert any("biased upward" in note for note in table.notes)


def test_the_mean_of_a_trial_s_seeds_stands_with_its_interval_and_n_also_for_the_test() -> None:
    def row(seeds: int) -> dict[str, str]:
        records = [example.record(s, trial=0, seed=s, accuracy=0.89 + 0.02 * s, kind="search") for s in range(seeds)]
        table = trials_table(summarise_search(records, example.SEARCH))
        return dict(zip([column.title for column in table.columns], [cell.text for cell in table.rows[0]], strict=True))

    two = row(2)  # 89 and 91: logit(0.9) -+ 12.706 * 0.01 / 0.09
    assert (two["Validation, %"], two["95 % interval"], two["n seeds"]) == ("90.00", "[68.68, 97.36]", "2")
    assert two["Test, %"] == "90.00 [68.68, 97.36], n = 2"
    assert row(1)["Test, %"] == "89.00"


def test_the_curves_legend_begins_with_the_best_trial() -> None:
    figure = trial_curves(summarise_search(example.search(), example.SEARCH))
    assert figure is not None
    assert re.findall("<text[^>]*>([^<]*)</text>", figure.svg)[-4:] == [
        "best trial",
        "complete",
        "pruned",
        "other ends",
    ]


def test_importance_finds_what_makes_the_value_and_leaves_pruned_trials_out() -> None:
    found = parameter_importance(summarise_search(example.search(), example.SEARCH))
    shares = {p.name: p for p in found.parameters}
    assert found.n_trials == 17
    assert sum(p.forest for p in found.parameters) == pytest.approx(1)
    assert shares["outer.lr"].forest < 0.05 < 0.7 < shares["lslr"].forest
    assert "7 others (pruned, diverged, failed) are left out" in found.explanation


def test_too_few_trials_give_an_explanation_instead_of_numbers() -> None:
    found = parameter_importance(summarise_search(example.search(8), example.SEARCH))
    assert found.parameters == ()
    assert (
        found.explanation == "Importance needs at least 8 complete trials, and this search has 5 of 8: run more trials."
    )


def test_a_run_links_to_mlflow_and_those_of_an_arm_to_its_saved_view() -> None:
    records = example.ablation()
    report = compose(records, example.ABLATION)
    here = "http://127.0.0.1:5000/#/experiments/7/runs"
    assert report.link(Cell("x", runs=("ab",))) == f"{here}/ab"
    of_arm = {arm: [one.run_id for one in records if one.arm == arm] for arm in ("MAML", "MAML++")}
    keys = {key: where for key, where in arm_filters(records, example.ABLATION).items() if "= 'MAML'" in where}
    assert keys == {report.views[of_arm["MAML"][0]]: "tags.role = 'run' AND tags.arm = 'MAML'"}
    shown = f"{here}?workflowType=machine_learning&viewStateShareKey={next(iter(keys))}"
    assert report.link(Cell("x", runs=tuple(of_arm["MAML"]))) == shown
    both = report.link(Cell("x", runs=(of_arm["MAML"][0], of_arm["MAML++"][0])))
    assert both is not None
    assert both.startswith(f"{here}?workflowType=machine_learning&searchFilter=attributes.run_id%20IN%20")
    assert dataclasses.replace(report, address=None).link(Cell("x", runs=("ab",))) is None


def test_an_arm_whose_name_has_both_quotation_marks_is_filtered_by_its_runs() -> None:
    info = dataclasses.replace(example.ABLATION, families=())
    record = example.record(1, arm="a'b\"c", seed=0, accuracy=0.5, per_task={})
    assert list(arm_filters([record], info).values()) == [f"attributes.run_id IN ('{record.run_id}')"]


def test_a_page_on_a_forge_links_to_no_one_s_own_machine() -> None:
    report = compose(example.ablation(), example.ABLATION)
    assert "](http" not in to_markdown(report)
    shared = dataclasses.replace(report, address="https://mlflow.example.org")
    assert "](https://mlflow.example.org/#/experiments/7/runs/" in to_markdown(shared)


def test_the_headline_spells_out_the_components_that_it_names() -> None:
    assert sorted(NAMES) == sorted(name.upper() for name in COMPONENTS)
    records = [example.record(0, arm="MAML + CA", params={"ca": "on", "da": "off"}), example.record(1, arm="DA-like")]
    headline = compose(records, StudyInfo("s", "ablation")).headline
    assert [line for line in headline if ":" in line and line.startswith("CA")] == [
        "CA: cosine annealing of the outer learning rate."
    ]
    records = [example.record(0, arm="net + CA", params={"attention": "on"})]
    assert not any("cosine" in line for line in compose(records, StudyInfo("s", "ablation")).headline)


def test_mixed_versions_are_said_in_the_headline() -> None:
    records = [
        example.record(0, arm="A"),
        example.record(1, arm="A", seed=1, tags={"versions": '{"torch": "2.12"}', "device": "cuda"}),
    ]
    headline = compose(records, StudyInfo("s", "ablation")).headline
    assert headline[-1] == 'Runs differ in device and versions of torch (listed under "Where the numbers come from").'


def test_what_cannot_be_reported_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="has no runs yet: start it with `mamlab search`"):
        build_report([], StudyInfo("empty", "search"), tmp_path)
    with pytest.raises(ReportError, match=r"holds no runs\.csv; give the folder of a report"):
        from_files(tmp_path)
    with pytest.raises(ReportError, match=r"there is no MLflow store at .*set MAMLAB_HOME"):
        from_mlflow(f"sqlite:///{tmp_path}/none.db", "x")
    assert not (tmp_path / "none.db").exists()


def test_a_first_click_puts_the_best_on_top_and_headings_can_be_linked() -> None:
    page = to_html(compose(example.ablation(), example.ABLATION))
    heads = re.findall(r'<th scope="col"[^>]*?( data-down)?><span[^>]*>([^<]*)<', page)
    downwards = {title for down, title in heads if down}
    assert {"Test accuracy, %", "Difference, points"} <= downwards
    assert not {"Arm", "n", "Adjusted p", "Seed"} & downwards
    places = re.findall(r"<nav[^>]*>(.*)</nav>", page)[0]
    assert re.findall(r'href="#([^"]+)"', places) == re.findall(r'<h2 id="([^"]+)"', page)
    loss = Metric("loss", better="lower", title="Loss")
    assert not best_is_highest("Loss", loss)
    assert not best_is_highest("Difference", loss)
    assert not best_is_highest("Best validation", loss)


def test_a_latex_table_says_its_packages_and_is_only_shrunk() -> None:
    small = to_latex(Table("T", (Column("a"),), ((Cell("b"),),)))
    assert small.startswith("% Needs \\usepackage{booktabs}\n")
    wide = to_latex(Table("T", (Column("a" * 90),), ((Cell("b"),),)))
    assert wide.startswith("% Needs \\usepackage{booktabs} and \\usepackage{graphicx}\n")
    assert r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%" in wide


def test_tables_of_one_name_have_files_of_their_own() -> None:
    titles = ("A/B", "A-B", "\u6d88\u878d", "\u5185\u5faa\u73af")
    tables = [Table(title, (Column("x"),), ((Cell(title),),)) for title in titles]
    report = SimpleNamespace(tables=(*tables, tables[0]))
    found = latex_files(report)  # type: ignore[arg-type]
    assert [*found] == ["a-b.tex", "a-b-2.tex", "\u6d88\u878d.tex", "\u5185\u5faa\u73af.tex"]
