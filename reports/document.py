"""The report as a value: headline sentences, then sections of tables and figures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from . import records as names
from .components import spelled_out
from .figures.across import across_plot
from .figures.audit import audit_plot
from .figures.compute import arm_costs, cost_plot
from .figures.curves import arm_curves, main_curves
from .figures.design import effects_plot, forest_plot, shapley_bars, sweep_plot
from .figures.effects import DIFFERENCE, component_plot
from .figures.mechanism import learned_rates, msl_weights
from .figures.search import best_curve, history, importance_bars, trial_curves
from .figures.slices import slice_plot
from .figures.style import Figure
from .links import arm_views, is_address, link
from .metric import ACCURACY, BEST_VALIDATION, TEST_ACCURACY, Metric
from .records import ReportError, RunRecord, StudyInfo
from .section import Section
from .sentences.compared import compared_sentence, promoted_sentence
from .sentences.headline import arm_sentences
from .setting import setting_of
from .statistics.arms import count_states
from .statistics.effects import effects_of
from .statistics.factorial import FactorialEffects
from .statistics.importance import Importance, importances
from .statistics.judging import Rules
from .statistics.speed import speeds
from .statistics.summary import Ablation, Search, in_order, summarise
from .tables.ablation import arms_table, details_table, family_table
from .tables.across import across_table
from .tables.audit import audit_tables
from .tables.cells import Cell, Table, excluded_table, runs_table, runs_text
from .tables.compute import TITLE as COST_TITLE
from .tables.compute import cost_table
from .tables.dates import days
from .tables.design import effects_table, shapley_table, sweep_table, titled
from .tables.held_out import optimism_sentence
from .tables.importance import importance_sentence, importance_table
from .tables.paper import paper_table
from .tables.promotion import fresh_sentence, fresh_table, promotion_table
from .tables.provenance import TITLE, mixed, provenance_table
from .tables.speed import speed_table
from .tables.stability import divergence_table, stability_table
from .tables.trials import differences_table, trials_table
from .tables.verdicts import verdict_table
from .text import listed, many, measured, with_interval

T = TypeVar("T")


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
    subtitle: str = ""
    """What was compared, in one sentence."""

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


def compose(records: Sequence[RunRecord], info: StudyInfo, summary: Ablation | Search | None = None) -> Report:
    """Return the report of a study; `summary` is that of its runs, if it is known already. Raises ReportError if it has
    no runs.
    """
    if not records:
        raise ReportError(
            f"the study {info.name!r} has no runs yet: start it with `mamlab search` or `mamlab ablate`, then ask again"
        )
    records, found = in_order(records), summary or summarise(records, info)
    if isinstance(found, Search):
        if info.paper:
            raise ReportError(
                f"paper = {info.paper!r}: a search has no arms to compare with a paper's; leave --paper out"
            )
        mattered = importances(found)
        headline, sections = _search_headline(found, mattered, records, info), _search_sections(found, mattered, info)
    else:
        headline, sections = _ablation_headline(found, records, info), _ablation_sections(found, info)
    left_out = [excluded_table(found.excluded)] if found.excluded else []
    sections += [
        Section(TITLE, (provenance_table(records, info), *left_out), folded=True),
        Section("Every run", (runs_table(records, info.metric, info.measured),), folded=True),
        Section("The spec file", code=info.spec, folded=True),
    ]
    return Report(
        setting_of(records, info),
        (*headline, *_warnings(records, info)),
        tuple(section for section in sections if section.tables or section.figures or section.code),
        info.mlflow_address,
        info.experiment_id,
        arm_views(records, info),
        info.measured,
        info.metric or info.measured,
        _searched(found) if isinstance(found, Search) else _compared(found, info),
    )


def _compared(found: Ablation, info: StudyInfo) -> str:
    return (promoted_sentence(found, info.origin) if info.origin else "") or compared_sentence(found)


def headline_of(records: Sequence[RunRecord], info: StudyInfo, found: Ablation | Search) -> list[str]:
    """Return the headline of a study's report alone, without its tables and figures."""
    if isinstance(found, Search):
        headline = _search_headline(found, importances(found), records, info)
    else:
        headline = _ablation_headline(found, records, info)
    return [*headline, *_warnings(records, info)]


def _warnings(records: Sequence[RunRecord], info: StudyInfo) -> Iterator[str]:
    if different := mixed(records):
        yield f'Runs differ in {listed(different)} (listed under "{TITLE}").'
    if info.missing:
        yield f"Incomplete: {info.missing}."


def _ablation_headline(found: Ablation, records: Sequence[RunRecord], info: StudyInfo) -> list[str]:
    counted = [record for record in records if record.state == names.COMPLETE] or records
    seeds = len({record.seed for record in counted})
    head = (
        f"{info.name}: {many(len(found.arms), 'arm')} over {many(seeds, 'seed')}{_on(records)};"
        f" {runs_text(count_states(records))}{_dated(records)}."
    )
    decided = arm_sentences(found)
    outside = [_outside(info)] if info.source else []
    spelled = spelled_out([*decided, compared_sentence(found)], records)
    return [*decided, *spelled, head, *found.look_progress.remarks, *outside]


def _outside(info: StudyInfo) -> str:
    return (
        f"The results come from {info.source}, not from trainings by mamlab: training curves, settings, compute and"
        " anything else missing there are not in this report."
    )


def _ablation_sections(found: Ablation, info: StudyInfo) -> list[Section]:
    across = found.across
    compared = tuple(family_table(found, family) for family in found.families)
    beside = (paper_table(found, info.paper),) if info.paper else ()
    curves = (main_curves(found), arm_curves(found, found.measured.validation), arm_curves(found, names.VAL_LOSS))
    lead = across_plot(found) if found.across else component_plot(found)
    first = _drawn(lead, arm_costs(found)) if found.comparisons else ()
    tables = (*_made(across_table(found)), verdict_table(found)) if found.comparisons else ()
    factorial = any(one.factorial for one in found.designs)
    parts = factorial or any(one.switched for one in effects_of(found.comparisons, across))
    accuracy = "Accuracy" if found.metric in (TEST_ACCURACY, BEST_VALIDATION) else found.metric.heading
    sections = [
        Section(accuracy, () if found.comparisons else (arms_table(found),)),
        Section("Which parts matter" if parts else DIFFERENCE, tables, first, leading=1),
        Section("Comparison with the paper", beside),
        Section(
            "Differences with their intervals", compared, _drawn(forest_plot(found)) if compared else (), folded=True
        ),
    ]
    sections += [_factorial_section(one.factorial, one.where, found) for one in found.designs if one.factorial]
    if curves_of := {one.where: one.sweep for one in found.designs if one.sweep}:
        swept = tuple(titled(sweep_table(curve, found), where) for where, curve in curves_of.items())
        sections.append(Section("Sweep", swept, _drawn(sweep_plot(curves_of, found.metric))))
    promotion = promotion_table(found, info.origin) if info.origin else None
    rules = Rules(info.test == "moderated", None, found.look_progress.looks)
    families = [own for one in info.families for own in (across.families_at(one) if across else (one,))]
    fast = speeds(families, {arm.name: arm for arm in found.arms}, info.measured, rules)
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


def _factorial_section(effects: FactorialEffects, where: str, found: Ablation) -> Section:
    tables = (effects_table(effects, found), shapley_table(effects, found))
    figures = _drawn(shapley_bars(effects, found.metric), effects_plot(effects, found.metric))
    if where:
        short = re.sub(r"[\W_]+", "-", where.lower()).strip("-")
        figures = tuple(replace(f, name=f"{f.name}-{short}", title=f"{f.title} ({where})") for f in figures)
    title = f"Effects and interactions{f' ({where})' * bool(where)}"
    return Section(title, tuple(titled(table, where) for table in tables), figures)


def _dated(records: Sequence[RunRecord]) -> str:
    found = days(records)
    return f" ({found})" if found else ""


def _drawn(*figures: Figure | None) -> tuple[Figure, ...]:
    return tuple(figure for figure in figures if figure)


def _made(part: T | None) -> tuple[T, ...]:
    return () if part is None else (part,)


def _search_headline(
    found: Search, mattered: Sequence[Importance], records: Sequence[RunRecord], info: StudyInfo
) -> list[str]:
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
    headline += [importance_sentence(one) for one in mattered if one.forest_r2 is not None]
    runs = f"{runs_text(count_states(records), _on(records))}{_dated(records)}"
    return [*headline, f"{info.name}: {runs}."]


def _searched(found: Search) -> str:
    stopped = sum(trial.state == names.PRUNED for trial in found.trials)
    tried = f"{many(len(found.trials), 'config')} tried{f', {stopped} stopped early' if stopped else ''}"
    return f"Search over {many(len(found.searched), 'setting')}; {tried}."


def _search_sections(found: Search, mattered: Sequence[Importance], info: StudyInfo) -> list[Section]:
    ranked = [part for one in mattered for part in (one, *one.inside)]
    drawn = [figure for figure in (history(found), trial_curves(found), best_curve(found, info)) if figure]
    return [
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


def _on(records: Sequence[RunRecord]) -> str:
    data = sorted({record.tags[names.TAG_DATA] for record in records if record.tags.get(names.TAG_DATA)})
    return f" on {' and '.join(data)}" if data else ""
