"""The output of `mamlab plan`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from reports.data.loading import from_files
from reports.text import duration
from trainers.errors import InputError

from ..json_output import print_json
from ..spec.config import StudyConfig
from ..spec.families import refuse_underpowered
from ..spec.same_data import checksum_of
from ..spec.trainable import refuse_untrainable
from ..stores.home import Home
from ..text import plain_table, print_notes, say, size_text
from ..workers.executors.placement import cores_here, gpus_for, slots_for
from .noise import Noise, noise_from_folder, noise_from_store
from .plan import FamilyPlan, Proposal, StudyPlan, make_plan


def show_plan(
    config: StudyConfig, home: Home, console: Console, budget: str | None, sd: float | None, source: Path | None,
    as_json: bool, workers: int | None,
) -> None:  # fmt: skip
    """Make and print the plan, then raise the SpecError that `mamlab ablate` would raise.

    Raises ValueError for a budget that is no time, for both `sd` and `source`, and for another method than MAML++;
    ReportError for a folder without a report.
    """
    _refuse_other_method(config)
    import torch

    from trainers.data import load
    from trainers.data.loading_message import loading_message

    hours = parse_hours(budget) if budget else None
    if sd is not None and source is not None:
        raise InputError("--sd and --from both set the noise; give only one")
    if sd is not None:
        noise: Noise | None = Noise(sd / 100, "--sd")
    else:
        noise = noise_from_folder(source) if source else noise_from_store(home, config.study.name)
    torch.set_num_threads(config.execution.threads)
    with _telling() as tell:
        tell(loading_message(config.data, home.data))
        data = load(config.data, home.data)
    if noise and source and checksum_of(from_files(source)[1]) not in ("", data.checksum):
        noise = replace(noise, source=f"{noise.source}, a study of other data")
    if not as_json:
        print_notes(console, data.notes)
    refuse_untrainable(config, data)
    with _telling() as tell:
        plan = make_plan(config, home, data, workers or workers_of(config), noise, hours, tell)
    if as_json:
        print_json("plan", asdict(plan))
    else:
        console.print(plan_page(plan), highlight=False)
    refuse_underpowered(config)


def _refuse_other_method(config: StudyConfig) -> None:
    """Raise InputError for another method than MAML++, as the pilot trains MAML++."""
    if not config.method.is_mamlpp:
        command = "ablate" if config.kind == "ablation" else config.kind
        refuses = "refuses too few seeds before it trains, and " if config.kind == "ablation" else ""
        raise InputError(
            f"[method]: mamlab plan measures MAML++ only, and this spec trains {config.method.name}; start the study"
            f" instead with mamlab {command}: it {refuses}shows the time that is left once its first trainings have"
            " ended"
        )


@contextmanager
def _telling() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows the current step on stderr: in place in a terminal, else one line each."""
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status("") as status:
            yield status.update
    else:
        yield lambda text: say(console, f"{text} ...")


def workers_of(config: StudyConfig) -> int:
    """Return how many trainings [execution] runs in parallel on this machine."""
    return slots_for(config.execution, len(gpus_for(config.base.device)), cores_here())


def parse_hours(text: str) -> float:
    """Return the hours of "6h", "90m", "1h30m" or "2d". Raises ValueError for another text."""
    found = re.fullmatch(r"(?:([\d.]+)d)?(?:([\d.]+)h)?(?:([\d.]+)m)?", text.strip())
    try:
        days, hours, minutes = (float(part or 0) for part in found.groups()) if found else (0.0, 0.0, 0.0)
    except ValueError:
        days = hours = minutes = 0.0
    if not (total := 24 * days + hours + minutes / 60):
        raise InputError(f"--budget {text}: must be a time above 0, such as 6h, 90m or 1h30m")
    return total


def plan_page(plan: StudyPlan) -> RenderableType:
    """Return the plan's page: size, time and disk; power of its families; designs that fit the budget."""
    parts: list[RenderableType] = [Text(f"{plan.study} ({plan.kind})", style="bold"), _size(plan)]
    if plan.families:
        parts += [Text(""), families_table(plan.families, plan.noise), *(_line(text) for text in _power(plan))]
    if plan.proposals:
        parts += [Text(""), _proposals(plan.proposals, plan.budget_hours or 0, plan.noise)]
    return Group(*parts)


def _size(plan: StudyPlan) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    cells = f"{plan.arms} arms x {plan.seeds} seeds = {plan.cells}" if plan.arms else f"{plan.cells}"
    table.add_row("trainings", f"{cells}, {plan.trained} of them already trained in this home")
    side = "" if plan.workers == 1 else f", {plan.workers} in parallel"
    table.add_row("time", f"{duration(plan.wall)}: {duration(plan.a_run)} each{side}")
    table.add_row("disk", f"{size_text(plan.disk)} of checkpoints")
    table.add_row("measured", plan.pilot)
    if plan.kind == "search":
        table.add_row("", "configs sampled from the space; pruned trials take less time")
        if plan.tried_first:
            table.add_row("tried first", ", ".join(plan.tried_first))
        if plan.fitting_runs is not None and plan.budget_hours is not None:
            table.add_row(
                "budget", f"{plan.fitting_runs // plan.seeds} trials fit into {duration(3600 * plan.budget_hours)}"
            )
    return table


def families_table(families: Sequence[FamilyPlan], noise: Noise | None) -> Table:
    """Return a row a family: size, power for a large effect, seeds needed, and the differences found in 80 % of
    studies.
    """
    unit = "points" if noise else "sd"
    numbers = ("size", "power at 2 sd, %", "seeds for 80 %", f"MDE, {unit}", f"MDE of t, {unit}")
    table = plain_table("family", *numbers, numbers=numbers)
    for family in families:
        power = Text(f"{100 * family.power:.0f}", style="bold red" if family.hopeless else "")
        found = (detectable_text(one, noise) for one in (family.detectable, family.t_detectable))
        table.add_row(family.name, str(family.size), power, str(family.seeds_needed), *found)
    return table


def detectable_text(difference: float | None, noise: Noise | None) -> str:
    """Return a difference in points where the noise is known, else in its standard deviations; "never" for None."""
    if difference is None:
        return "never"
    return f"{100 * difference:.2f}" if noise else f"{difference:.2f}"


def _power(plan: StudyPlan) -> Iterable[str]:
    yield (
        "MDE: minimum detectable effect, the smallest paired difference in either direction that the study's test "
        "(step-down maxT over sign flips) finds with 80 % power, if only one of the comparisons that are tested "
        "together has an effect. MDE of t: the same for a single paired t test at the 5 % level. Power at 2 sd: the "
        "power for an effect of 2 standard deviations of the paired differences."
    )
    if plan.across:
        yield (
            f"Sizes count the comparisons at every value of {plan.across}, and how each changes. A change is the"
            " difference of two paired differences: where the noise at both values is independent its sd is 1.4 times"
            " theirs, so as large an effect needs twice the seeds."
        )
    if plan.noise:
        yield f"sd of the paired differences between seeds: {100 * plan.noise.sd:.2f} points, from {plan.noise.source}."
        if plan.noise.model is None:
            yield (
                "Differences are assumed to be normal, which fails near 100 % accuracy. A pilot (finished seeds of "
                "this study, or --from FOLDER) is more accurate there."
            )
    else:
        yield (
            "sd: standard deviation of the paired differences between seeds. For effects in points, give --sd POINTS, "
            "or --from FOLDER of an earlier report."
        )


def _proposals(proposals: Sequence[Proposal], hours: float, noise: Noise | None) -> RenderableType:
    numbers = ("arms", "seeds", "time", "least power at 2 sd, %", f"MDE, {'points' if noise else 'sd'}")
    table = plain_table("design", *numbers, numbers=numbers)
    for one in proposals:
        worst = min(one.families, key=lambda family: family.power, default=None)
        last = (f"{100 * worst.power:.0f}", detectable_text(worst.detectable, noise)) if worst else ("", "")
        table.add_row(one.design, str(one.arms), str(one.seeds), duration(3600 * one.hours), *last)
    fitting = next((one for one in proposals if one.works), None)
    advice = (
        f'design = "{fitting.design}" with seeds = {fitting.seeds} fits into {duration(3600 * hours)}, and every '
        "family finds a large effect in most studies."
        if fitting
        else f"No design fits into {duration(3600 * hours)} with enough seeds. Shorten [trainer.budget], or list fewer "
        "components."
    )
    return Group(table, _line(advice))


def _line(text: str) -> Text:
    return Text(text, overflow="fold")
