"""The report as a value: headline sentences, then sections of tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from . import records as names
from .components import spelled_out
from .figures.across import across_plot
from .figures.audit import audit_plot
from .figures.compute import arm_costs, cost_plot
from .figures.curves import arm_curves, main_curves
from .figures.design import effects_plot, forest_plot, shapley_bars, sweep_plot
from .figures.effects import component_plot
from .figures.mechanism import learned_rates, msl_weights
from .figures.search import best_curve, history, importance_bars, trial_curves
from .figures.slices import slice_plot
from .figures.style import Figure
from .headline import arm_sentences
from .links import arm_views, is_address, link
from .metric import ACCURACY, BEST_VALIDATION, TEST_ACCURACY, Metric
from .records import ReportError, RunRecord, StudyInfo
from .setting import setting_of
from .statistics.arms import Excluded, count_states
from .statistics.importance import early_importance, parameter_importance
from .statistics.judging import Rules
from .statistics.speed import speeds
from .statistics.summary import Ablation, Search, in_order, summarise_ablation, summarise_search
from .tables.ablation import arms_table, details_table, family_table
from .tables.across import across_table
from .tables.audit import audit_tables
from .tables.cells import Cell, Table, excluded_table, runs_table, states_text
from .tables.compute import TITLE as COST_TITLE
from .tables.compute import cost_table
from .tables.dates import days
from .tables.design import effects_table, shapley_table, sweep_table
from .tables.held_out import optimism_sentence
from .tables.importance import importance_sentence, importance_table
from .tables.paper import paper_table
from .tables.promotion import fresh_sentence, fresh_table, promotion_table
from .tables.provenance import mixed, provenance_table
from .tables.speed import speed_table
from .tables.stability import divergence_table, stability_table
from .tables.trials import differences_table, trials_table
from .tables.verdicts import verdict_table
from .text import many, measured, with_interval

T = TypeVar("T")


@dataclass(frozen=True)
class Section:
    """A heading with tables, figures and verbatim text (`code`) below it; `folded` sections open on a click.

    The first `leading` figures come before the tables, the others after them.
    """

    title: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    code: str = ""
    folded: bool = False
    leading: int = 0


@dataclass(frozen=True)
class Report:
    """Everything that a page shows; `address` and `experiment_id` make the links to MLflow."""

    title: str
    headline: tuple[str, ...]
    sections: tuple[Section, ...]
    address: str | None
    experiment_id: str
    views: Mapping[str, str] = field(default_factory=dict)
    """Run -> key of its arm's saved view in the MLflow UI."""
    measured: Metric = ACCURACY
    metric: Metric | None = None
    """What the study was judged by, where it says so."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """Every table, in the order of the page."""
        return tuple(table for section in self.sections for table in section.tables)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every figure, in the order of the page."""
        return tuple(figure for section in self.sections for figure in section.figures)

    def link(self, cell: Cell) -> str | None:
        """Return the URL of the cell's runs in MLflow, or None without an address that a browser can open."""
        if not cell.runs or not self.address or not is_address(self.address):
            return None
        return link(self.address, cell.experiment_id or self.experiment_id, cell.runs, self.views, self.measured)


def compose(records: Sequence[RunRecord], info: StudyInfo) -> Report:
    """Return the report of a study. Raises ReportError if it has no runs."""
    if not records:
        raise ReportError(
            f"the study {info.name!r} has no runs yet: start it with `mamlab search` or `mamlab ablate`, then ask again"
        )
    records = in_order(records)
    if info.kind == names.SEARCH:
        if info.paper:
            raise ReportError(
                f"paper = {info.paper!r}: a search has no arms to compare with a paper's; leave --paper out"
            )
        headline, sections, excluded = _search(summarise_search(records, info), records, info)
    else:
        headline, sections, excluded = _ablation(summarise_ablation(records, info), records, info)
    if different := mixed(records):
        headline = [*headline, f"Careful: not all runs share the same {' and '.join(different)}."]
    if info.missing:
        headline = [*headline, f"Incomplete: {info.missing}."]
    left_out = [excluded_table(excluded)] if excluded else []
    sections += [
        Section("Where the numbers come from", (provenance_table(records, info), *left_out), folded=True),
        Section("Every run", (runs_table(records, info.metric, info.measured),), folded=True),
        Section("The spec file", code=info.spec, folded=True),
    ]
    return Report(
        info.name if info.kind == names.SEARCH else setting_of(records, info),
        tuple(headline),
        tuple(section for section in sections if section.tables or section.figures or section.code),
        info.mlflow_address,
        info.experiment_id,
        arm_views(records, info),
        info.measured,
        info.metric or info.measured,
    )


Parts = tuple[list[str], list[Section], Sequence[Excluded]]


def _ablation(found: Ablation, records: Sequence[RunRecord], info: StudyInfo) -> Parts:
    counted = [record for record in records if record.state == names.COMPLETE] or records
    seeds = len({record.seed for record in counted})
    head = (
        f"{info.name}: {many(len(found.arms), 'arm')} over {many(seeds, 'seed')}{_on(records)},"
        f" {many(len(records), 'run')}, {_counts(records)}{_dated(records)}."
    )
    decided = arm_sentences(found)
    outside = [_outside(info)] if info.source else []
    headline = [*decided, *spelled_out(decided, records), head, *found.standing.remarks, *outside]
    return headline, _ablation_sections(found, info), found.excluded


def _outside(info: StudyInfo) -> str:
    return (
        f"The results come from {info.source}, not from trainings by mamlab: training curves, settings, compute and"
        " anything else missing there are not in this report."
    )


def _ablation_sections(found: Ablation, info: StudyInfo) -> list[Section]:
    compared = tuple(family_table(found, family) for family in found.families)
    beside = (paper_table(found, info.paper),) if info.paper else ()
    curves = (main_curves(found), arm_curves(found, found.measured.validation), arm_curves(found, names.VAL_LOSS))
    lead = across_plot(found) if found.across else component_plot(found)
    first = _drawn(lead, arm_costs(found)) if found.comparisons else ()
    tables = (*_made(across_table(found)), verdict_table(found)) if found.comparisons else ()
    accuracy = "Accuracy" if found.metric in (TEST_ACCURACY, BEST_VALIDATION) else found.metric.heading
    sections = [
        Section(accuracy, () if found.comparisons else (arms_table(found),)),
        Section("Which parts matter", tables, first, leading=1),
        Section("Comparison with the paper", beside),
        Section(
            "Differences with their intervals", compared, _drawn(forest_plot(found)) if compared else (), folded=True
        ),
    ]
    if found.factorial:
        split = (effects_table(found.factorial, found), shapley_table(found.factorial, found))
        figures = (shapley_bars(found.factorial, found.metric), effects_plot(found.factorial, found.metric))
        sections.append(Section("Effects and interactions", split, _drawn(*figures)))
    if found.sweep:
        figure = sweep_plot(found.sweep, found.metric)
        sections.append(Section("Sweep", (sweep_table(found.sweep, found),), _drawn(figure)))
    promotion = promotion_table(found, info.origin) if info.origin else None
    rules = Rules(info.test == "moderated", None, found.standing.looks)
    fast = speeds(info.families, {arm.name: arm for arm in found.arms}, info.measured, rules)
    return [
        *sections,
        Section("Search trials on fresh seeds", (promotion,) if promotion else ()),
        Section(
            "Training and stability",
            (*_made(divergence_table(found)), stability_table(found), *(speed_table(one, found) for one in fast)),
            _drawn(*curves),
            folded=True,
            leading=len(curves),
        ),
        Section("Learned rates and MSL weights", figures=_drawn(learned_rates(found), msl_weights(found)), folded=True),
        Section("Audit", audit_tables(found), _drawn(audit_plot(found)), folded=True, leading=1),
        Section("Details", (details_table(found), arms_table(found)) if found.comparisons else (), folded=True),
    ]


def _dated(records: Sequence[RunRecord]) -> str:
    found = days(records)
    return f" ({found})" if found else ""


def _drawn(*figures: Figure | None) -> tuple[Figure, ...]:
    return tuple(figure for figure in figures if figure)


def _made(part: T | None) -> tuple[T, ...]:
    return () if part is None else (part,)


def _search(found: Search, records: Sequence[RunRecord], info: StudyInfo) -> Parts:
    importance, early = parameter_importance(found), early_importance(found)
    head = (
        f"{many(len(found.trials), 'trial')} over {many(len(found.searched), 'parameter')}{_on(records)}: "
        f"{many(len(records), 'run')}, {_counts(records)}{_dated(records)}."
    )
    headline = [fresh_sentence(info.fresh, found.measured)] if info.fresh else []
    if found.complete:
        best = found.complete[0]
        metric = found.measured
        value = measured(best.value.mean, metric) if best.value.n == 1 else with_interval(best.value, metric=metric)
        test_text = with_interval(best.test, metric=metric)
        tested = f" Its test {metric.words}: {test_text}." if best.test.n else ""
        extreme = "maximum" if metric.sign > 0 else "minimum"
        biased = "" if found.finalists else f"; as the {extreme} of a search this is biased {metric.biased}"
        headline.append(
            f"The best of {many(len(found.complete), 'complete trial')} is trial {best.label} with a validation"
            f" {metric.words} of {value} in the search{biased}.{tested}"
        )
        headline += filter(None, [optimism_sentence(found)])
    else:
        headline.append("No trial is complete yet, so there is no best trial.")
    mattered = (importance, *_made(early))
    headline += [importance_sentence(one) for one in mattered if one.forest_r2 is not None]
    ranked = [part for one in mattered for part in (one, *one.inside)]
    drawn = [figure for figure in (history(found), trial_curves(found), best_curve(found, info)) if figure]
    sections = [
        Section("Best trials on fresh seeds", _made(fresh_table(info.fresh, found.measured))),
        Section("Trials", (*_made(differences_table(found, info.base)), trials_table(found))),
        Section(
            "Parameter importance",
            tuple(map(importance_table, ranked)),
            _drawn(
                slice_plot(found, next((one for one in mattered if one.parameters), None)),
                *map(importance_bars, ranked),
            ),
            leading=1,
        ),
        Section(COST_TITLE, _made(cost_table(found)), _made(cost_plot(found)), leading=1),
        Section("Course of the search", figures=tuple(drawn)),
    ]
    headline.append(head)
    return headline, sections, found.excluded


def _counts(records: Sequence[RunRecord]) -> str:
    return states_text(count_states(records))


def _on(records: Sequence[RunRecord]) -> str:
    data = sorted({record.tags[names.TAG_DATA] for record in records if record.tags.get(names.TAG_DATA)})
    return f" on {' and '.join(data)}" if data else ""
