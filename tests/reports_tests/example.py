"""Studies made by rule, with numbers that one can check by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reports.document import compose
from reports.records import Family, RunRecord, StudyInfo
from reports.render.latex import to_latex
from reports.render.markdown import to_markdown

VERSIONS = json.dumps({"python": "3.11.9", "torch": "2.11.0", "optuna": "5.0.0"})
EFFECTS = {"MAML++": 0.0, "MAML++ without LSLR": -0.03, "MAML++ without MSL": -0.012, "MAML++ without CA": 0.001}
EFFECTS |= {"MAML": -0.06, "MAML + LSLR": -0.025, "MAML + MSL": -0.05}
COMPARISONS = tuple((arm, "MAML++") for arm in EFFECTS if arm.startswith("MAML++ ")) + tuple(
    (arm, "MAML") for arm in EFFECTS if arm.startswith("MAML + ")
)


def against(*pairs: tuple[str, str]) -> tuple[Family, ...]:
    """Return a family for each base, in the order of `pairs` (arm, base); a base compared with another stands alone."""
    bases = dict.fromkeys(base for _, base in pairs)
    groups: dict[str, list[tuple[str, str]]] = {}
    for arm, base in pairs:
        title = f"{arm} against {base}" if arm in bases else f"arms against {base}"
        groups.setdefault(title, []).append((arm, base))
    return tuple(Family(title, tuple(members)) for title, members in groups.items())


ABLATION = StudyInfo(
    "omniglot_ablation",
    "ablation",
    "7",
    families=against(*COMPARISONS, ("MAML++", "MAML")),
    mlflow_address="http://127.0.0.1:5000",
)
SEARCH = StudyInfo("omniglot_search", "search", "8", searched=("lslr", "lslr.granularity", "outer.lr", "inner.steps"))


def record(number: int, state: str = "complete", accuracy: float | None = 0.9, **changes: Any) -> RunRecord:
    """Return run `number`: 10 epochs up to the accuracy, 20 test tasks, and changes to any field."""
    epochs = 10 if state == "complete" else 4
    target = 0.9 if accuracy is None else accuracy
    curve = [(e, target - 0.5 * 0.6**e) for e in range(1, epochs + 1)]
    metrics = {"best_val_accuracy": target, "epochs_run": float(epochs), "seconds": 60.0 + number}
    if accuracy is not None and state == "complete":
        metrics |= {"test_accuracy": accuracy, "ensemble_test_accuracy": accuracy + 0.005}
    tags = {
        "mamlab.state": state,
        "data": "glyphs",
        "data_checksum": "sha256:1f3a",
        "git_commit": "0a1b2c3",
        "device": "cpu",
        "versions": VERSIONS,
    }
    fields: dict[str, Any] = {
        "run_id": f"{number:032x}",
        "experiment_id": "7",
        "study": "s",
        "kind": "ablation",
        "name": f"run {number}",
        "arm": None,
        "seed": 0,
        "trial": number,
        "state": state,
        "fingerprint": f"{number:064x}",
        "params": {},
        "metrics": metrics,
        "tags": tags,
        "curves": {"val_accuracy": curve, "val_loss": [(e, 2 * (1 - a)) for e, a in curve]},
        "per_task": {"single": [target] * 20} if state == "complete" else {},
        "started_at": 1e9 + number,
        "ended_at": 1e9 + number + 60.5,
    }
    fields |= changes
    fields["tags"] = tags | changes.get("tags", {})
    return RunRecord(**fields)


def ablation(seeds: int = 3) -> list[RunRecord]:
    """Return 7 arms x seeds: MAML++ at 95 % plus its arm's effect and 0.2 points a seed; one run diverged."""
    found = []
    for i, (arm, effect) in enumerate(EFFECTS.items()):
        for seed in range(seeds):
            wiggle = 0.004 * ((7 * i * i + 3 * seed * (i + 1)) % 5 - 2) / 2
            state = "diverged" if (arm, seed) == ("MAML + MSL", 2) else "complete"
            tags = (
                {"message": "loss is not finite in epoch 4, iteration 17, inner step 2: conv1.weight"}
                if state == "diverged"
                else {}
            )
            number = seeds * i + seed
            found.append(
                record(
                    number,
                    state,
                    0.95 + effect + 0.002 * seed + wiggle,
                    arm=arm,
                    seed=seed,
                    name=f"{arm} · seed {seed}",
                    tags=tags,
                )
            )
    return found


def search(trials: int = 24) -> list[RunRecord]:
    """Return trials whose value is 0.8, + 0.1 with LSLR, + 0.01 a step; every fourth pruned, number 6 diverged."""
    found = []
    for n in range(trials):
        on, steps = n % 3 != 0, 1 + n % 5
        params = {
            "lslr": "on" if on else "off",
            "outer.lr": repr(10 ** (-4 + (n * 7 % 11) / 5)),
            "inner.steps": str(steps),
        }
        params |= {"lslr.granularity": ("shared", "per_layer")[n % 2]} if on else {}
        state = "diverged" if n == 6 else "pruned" if n % 4 == 3 else "complete"
        accuracy = 0.8 + 0.1 * on + 0.01 * steps - (0.2 if state == "pruned" else 0)
        tags = {"preset": "maml"} if n == 0 else {}
        found.append(record(n, state, accuracy, kind="search", params=params, name=f"trial {n:04d}", tags=tags))
    return found


def tex(title: str, records: list[RunRecord], info: StudyInfo) -> str:
    """Return the table of that title as LaTeX."""
    return next(to_latex(table) for table in compose(records, info).tables if table.title == title)


GOLDEN: dict[str, Callable[[], str]] = {
    "ablation.md": lambda: to_markdown(compose(ablation(), ABLATION)),
    "search.md": lambda: to_markdown(compose(search(), SEARCH)),
    "family.tex": lambda: tex("Arms against MAML++", ablation(6), ABLATION),
    "details.tex": lambda: tex("Comparisons in detail", ablation(6), ABLATION),
}
"""Name of a file in golden/ -> what it holds. Run this module to write them, and look at what changed."""

if __name__ == "__main__":
    for name, text in GOLDEN.items():
        (Path(__file__).parent / "golden" / name).write_text(text(), encoding="utf-8")
