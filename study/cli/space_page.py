"""The output of `mamlab space show` and `mamlab space check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich.console import Console, Group, RenderableType
from rich.text import Text

from search_spaces.dimensions import Dimension, Range
from trainers.errors import InputError
from trainers.known_method import KnownMethod
from trainers.method import Config

from ..json_output import print_json
from ..spec.config import SpecError, StudyConfig
from ..spec.rungs import EPOCHS, rungs, rungs_text
from ..text import plain_table, say

if TYPE_CHECKING:
    from trainers.data.classes import ClassData

SUMMARIES: Mapping[str, Callable[[Sequence[float]], float]] = {"low": min, "median": median, "high": max}
POINTS = 200
"""Random configs that `check` samples."""
PARTS = {
    "msl": "MSL", "da": "DA", "lslr": "LSLR", "ca": "CA", "bnrs": "BNRS", "bnwb": "BNWB", "inner": "inner loop",
    "outer": "outer loop", "norm": "batch norm", "model": "network", "episodes": "tasks", "budget": "length",
    "evaluation": "evaluation",
}  # fmt: skip
"""First part of a setting's path -> component of MAML++."""


@dataclass(frozen=True)
class Parameter:
    """One searched setting. `presets` are those whose value is in its range (or that do not use it)."""

    name: str
    part: str
    kind: str
    range: str
    log: bool
    no_effect_if: tuple[str, ...]
    presets: tuple[str, ...]


def parameters(config: StudyConfig) -> list[Parameter]:
    """Return the searched settings, grouped by part."""
    assert config.space is not None
    idle = config.space.reasons_idle(config.base_tree)
    presets = {name: config.preset_config(name) for name in config.method.presets}
    found = [
        Parameter(
            path, _part(config.method, path), _kind(dimension), _range(dimension),
            isinstance(dimension, Range) and dimension.log, idle[path],
            tuple(name for name, one in presets.items() if _holds(config.method, dimension, path, one)),
        )
        for path, dimension in config.space.dimensions.items()
    ]  # fmt: skip
    order = list(PARTS.values())
    return sorted(found, key=lambda p: (order.index(p.part) if p.part in order else len(order), p.name))


def _part(method: KnownMethod, path: str) -> str:
    return PARTS.get(path.partition(".")[0], path) if method.is_mamlpp else ""


def _kind(dimension: Dimension) -> str:
    if not isinstance(dimension, Range):
        return "switch" if set(dimension.choices) == {"on", "off"} else "choice"
    return "integer" if isinstance(dimension.low, int) else "float"


def _range(dimension: Dimension) -> str:
    if isinstance(dimension, Range):
        return str(dimension) + (", log" if dimension.log else "")
    return " | ".join(str(choice) for choice in dimension.choices)


def _holds(method: KnownMethod, dimension: Dimension, path: str, config: Config) -> bool:
    values = method.settings(config)
    value = values.get(path)
    return path not in values or dimension.contains(
        dimension.convert(value, method.epochs(config), method.position(path))
    )


def show_space(config: StudyConfig, console: Console, as_json: bool) -> None:
    """Print the searched settings as tables, or as JSON."""
    found = parameters(config)
    if as_json:
        print_json("space show", {"parameters": [asdict(parameter) for parameter in found]})
        return
    console.print(_tables(config, found, console.width))


WIDE = 130
"""Minimum terminal width for a table with all columns."""


def _tables(config: StudyConfig, found: list[Parameter], width: int) -> RenderableType:
    wide = width >= WIDE
    columns = ("part", "parameter", "kind", "range", "no effect if", "presets")
    shown = [title for title in columns if wide or title not in ("kind", "no effect if")]
    table = plain_table(*shown, numbers=["presets"])
    last = ""
    for one in found:
        part, last = ("" if one.part == last else one.part), one.part
        inside = f"{len(one.presets)} of {len(config.method.presets)}" * bool(config.method.presets)
        cells: list[RenderableType] = [
            Text(part, style="bold"),
            one.name,
            one.kind,
            one.range,
            "; ".join(one.no_effect_if),
            inside,
        ]
        table.add_row(*(cells if wide else [*cells[:2], cells[3], cells[5]]))
        if not wide and one.no_effect_if:
            table.add_row("", "", Text(f"no effect if {'; '.join(one.no_effect_if)}", style="dim"), "")
    rungs = _rungs_text(config)
    return Group(_head(config, found), *([Text(rungs)] if rungs else []), "", table, "", *_presets(config))


def _rungs_text(config: StudyConfig) -> str:
    assert config.space is not None
    assert config.pruner is not None
    return rungs_text(config.pruner, config.method.epochs(config.base), searched=EPOCHS in config.space.dimensions)


def _head(config: StudyConfig, found: list[Parameter]) -> Text:
    assert config.space is not None
    assert config.sampler is not None
    assert config.pruner is not None
    trials = "no limit on trials" if config.budget.trials is None else f"{config.budget.trials} trials"
    seeds = len(config.seeds)
    parts = [f"{len(found)} parameters", trials, f"{seeds} seed{'s' if seeds > 1 else ''} per trial"]
    parts += [f"sampler {config.sampler.name}", f"pruner {config.pruner.name}"]
    if config.space.max_compute is not None:
        parts.append(f"at most {config.space.max_compute:g} times the base's compute")
    return Text.assemble((config.study.name, "bold"), ": ", ", ".join(parts))


def _presets(config: StudyConfig) -> list[Text]:
    """Return which presets are in the space, and so can be enqueued, and why the others are not."""
    assert config.space is not None
    inside, lines = [], []
    if not config.method.presets:
        return []
    for name in config.method.presets:
        try:
            config.space.params_of(config.preset_config(name), config.base_tree)
            inside.append(name)
        except (InputError, ValidationError) as error:
            lines.append(Text(f"Preset {name} is not in the space: {'; '.join(str(error).splitlines())}"))
    return [Text(f"Presets in the space: {', '.join(inside) or 'none'}"), *lines]


def check_space(config: StudyConfig, console: Console, as_json: bool, data: ClassData | None = None) -> None:
    """Sample 200 random configs and print a summary; `data` is None if not on this machine.

    Raises SpecError, with one line per cause, if some cannot be trained (on `data`).
    """
    assert config.space is not None
    from ..spec.trainable import space_problems

    problems = config.space.alike(config.base_tree)
    if config.method.is_mamlpp:
        problems += space_problems(config, data)
    if problems:
        raise SpecError(problems)
    wrong, inert, cells, compute = Counter[str](), Counter[str](), set[str](), list[float]()
    for draw in config.space.draws(POINTS):
        try:
            one, dropped = config.space.suggest(draw, config.base_tree)
        except ValidationError as error:
            wrong.update(config.method.explain(error).splitlines())
            continue
        except InputError as error:
            wrong.update(str(error).splitlines())
            continue
        inert.update(f"{drop.path}: {drop.reason}" for drop in dropped)
        cells.add(config.fingerprint(one, 0, ""))
        compute.append(config.compute(one))
    if wrong:
        raise SpecError(
            [
                f"space: {count} of {POINTS} random configs cannot be trained: {what}"
                for what, count in wrong.most_common()
            ]
        )
    most = config.space.max_compute
    assert config.pruner is not None
    epochs = config.method.epochs(config.base)
    facts = {
        "configs": POINTS, "different": len(cells),
        **{f"compute_{name}": of(compute) if config.method.counts_flops else None for name, of in SUMMARIES.items()},
        "within_max_compute": None if most is None else sum(w <= most for w in compute),
        "without_effect": dict(inert.most_common()),
        "epochs": epochs, "rungs": rungs(config.pruner, epochs), "tried_first": [*config.enqueued],
        "data": None if data is None else data.name,
    }  # fmt: skip
    if as_json:
        print_json("space check", facts)
    else:
        _print_facts(config, facts, console)


def _print_facts(config: StudyConfig, facts: Mapping[str, object], console: Console) -> None:
    lines = [
        f"{config.study.name}: all {POINTS} random configs can be trained; {facts['different']} of them are distinct.",
    ]
    if config.method.counts_flops:
        lines.append(
            f"Compute, as a multiple of the base's: {facts['compute_low']:.3g} to {facts['compute_high']:.3g}, median "
            f"{facts['compute_median']:.3g}."
        )
    if facts["within_max_compute"] is not None:
        lines.append(
            f"{facts['within_max_compute']} of them are within space.max_compute; the search draws another one in "
            "place of each that is not."
        )
    if text := _rungs_text(config):
        lines.append(text)
    if config.enqueued:
        lines.append(f"Tried first: {', '.join(config.enqueued)}.")
    if facts["data"] is None and config.method.is_mamlpp:
        lines.append("The data set is not on this machine yet, so ways, shots and queries were not checked against it.")
    lines += [f"Note: {note}" for note in config.notes]
    for line in lines:
        say(console, line)
    inert = facts["without_effect"]
    assert isinstance(inert, dict)
    if inert:
        table = plain_table("configs", "settings without effect, which are dropped", numbers=["configs"])
        for what, count in inert.items():
            table.add_row(str(count), what)
        console.print()
        console.print(table)
