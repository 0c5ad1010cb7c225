"""`mamlab demo`: search, ablation and reports in a few minutes, on letters rendered on this machine."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..spec.parsing import load_spec
from ..stores.home import Home
from ..text import say
from .options import with_workers
from .outcome import INTERRUPTED, conduct

SPECS = Path(__file__).parent / "demo_specs"
SEARCH = (
    "Search: which components and learning rates work best?",
    "Trials train in parallel. Known-good configs come first, then a few random ones; after these, TPE proposes the "
    "settings, and the median pruner stops poor trials early.",
)
ABLATION = (
    "Ablation: what does MAML++ add to MAML?",
    "Every arm trains on the same three seeds (same initial weights, same tasks), so differences are paired.",
)


def run_demo(home: Home, console: Console, workers: int | None = None, quiet: bool = False) -> int:
    """Render the letters, search, ablate, report; return the exit status. Finished steps are skipped."""
    try:
        _explain(console, 1, "Data: letters of many scripts", "Rendered once from matplotlib's fonts (about 20 s).")
        _prepare_data(home, console)
    except KeyboardInterrupt:
        console.print("Stopped. Run the same command to start again.")
        return INTERRUPTED
    for number, (spec, (title, text)) in enumerate((("search", SEARCH), ("ablation", ABLATION)), start=2):
        _explain(console, number, title, text)
        status = conduct(with_workers(load_spec(SPECS / f"{spec}.toml"), workers), home, console, quiet)
        if status:
            return status
    _say_where(home, console)
    return 0


def _say_where(home: Home, console: Console) -> None:
    console.print(
        Text("\nDone. The best config and the ablation table are above. Everything else is here:", style="bold")
    )
    for line in (
        f"Reports:   {home.reports / 'demo-search' / 'index.html'}",
        f"           {home.reports / 'demo-ablation' / 'index.html'}",
        f"MLflow UI: {home.command('ui')}",
        f"Next:      {home.command('promote', 'demo-search')}",
        f"           {home.command('init', 'search')} (writes a commented spec file for your own study)",
    ):
        say(console, line)


def _prepare_data(home: Home, console: Console) -> None:
    from trainers.data import Glyphs, load

    data = load(Glyphs(), home.data)
    counts = ", ".join(f"{len(classes)} {split}" for split, classes in data.splits.items())
    say(
        console,
        f"Classes: {counts}; {data.images.shape[0]} images of {data.images.shape[2]}x{data.images.shape[3]}.",
    )


def _explain(console: Console, number: int, title: str, text: str) -> None:
    console.print(Text(f"\n[{number}/3] {title}", style="bold"))
    console.print(Text(text, style="dim"))
