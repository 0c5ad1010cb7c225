"""The model card of an exported model: description, usage, accuracy, provenance and limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.statistics.estimate import Estimate
from reports.text import interval, measured, percent
from trainers.config import TrainerConfig
from trainers.exported import ExportedModel
from trainers.overrides import settings
from trainers.sections import COMPONENTS

NORM_MODES = {
    "running": (
        "running statistics of training: `MAMLClassifier`'s default; an answer does not depend on its neighbours"
    ),
    "batch": (
        "the statistics of the images asked for together: `transductive=True`, as published accuracies are measured"
    ),
}
CARD_HEAD = "---\nlibrary_name: mamlab\n"
"""The beginning of every card."""
INK = {"glyphs": " White ink on black.", "omniglot": " Black ink on white."}


def model_card(model: ExportedModel) -> str:
    """Return the card (Markdown) of a model, from its `about`."""
    parts = [_head(model), _use(model), _accuracy(model), _training(model), _limits(model)]
    return "\n\n".join(parts) + "\n"


def _head(model: ExportedModel) -> str:
    about, episodes = model.about, model.config.episodes
    on = [name.upper() for name in COMPONENTS if getattr(model.config, name) != "off"]
    method = f"MAML with {', '.join(on)}" if on else "plain MAML"
    return (
        f"{CARD_HEAD}pipeline_tag: image-classification\ntags: [few-shot-learning, meta-learning, maml]\n---\n\n"
        f"# {about['study']}: {told_apart(about)}\n\n"
        f"A few-shot image classifier: it learns up to {model.ways} classes from a few images of each, in "
        f"{model.config.evaluation_steps} gradient steps. Meta-learned by {method} on {episodes.ways}-way "
        f"{episodes.shots}-shot tasks of "
        f"{about['data']['name']}."
    )


def told_apart(about: Mapping[str, Any]) -> str:
    """Return the name of a run within its study: trial or arm, and seed."""
    which = about["arm"] or (
        "training" if about["trial"] is None or about["kind"] == "train" else f"trial {about['trial']}"
    )
    return f"{which}, seed {about['seed']}"


def _use(model: ExportedModel) -> str:
    channels, size, _ = model.preparation.shape
    kind = "grey" if channels == 1 else "RGB"
    ink = INK.get(model.about["data"]["settings"]["source"], "")
    return f"""## How to use it

```python
from trainers import MAMLClassifier

classifier = MAMLClassifier.load("this folder")
classifier.fit(["a1.png", "a2.png", "b1.png"], ["a", "a", "b"])
classifier.predict(["new.png"])
```

Images: files or PIL images of any size and mode, or arrays `[n, {channels}, {size}, {size}]`, {kind}, uint8 or floats
from 0 to 1. Pictures become their largest centred square, scaled to {size}x{size} ({model.preparation.resize}).{ink}"""


def _accuracy(model: ExportedModel) -> str:
    episodes, about = model.config.episodes, model.about
    rows = [
        f"| {norm_mode} | {percent(found.mean)} {interval(found)} | {found.n} | {NORM_MODES[norm_mode]} |"
        for norm_mode, found in ((norm_mode, Estimate(**tree)) for norm_mode, tree in about["test_accuracy"].items())
    ]
    return "\n".join(
        [
            "## Accuracy",
            "",
            (
                f"On {episodes.ways}-way {episodes.shots}-shot test tasks with {episodes.queries} images a class to "
                "classify, of "
                f"{about['data']['classes']['test']} classes that training never saw. Chance is "
                f"{measured(1 / episodes.ways)}."
            ),
            "",
            "| queries normalised by | accuracy, % [95 %] | tasks | that is |",
            "|---|---|---|---|",
            *rows,
            "",
            *_on_statistics(model),
            (
                "The interval is Student's t over test tasks for these weights. It says nothing about other trainings:"
                " for that, train several seeds (`mamlab promote`)."
            ),
        ]
    )


def _on_statistics(model: ExportedModel) -> list[str]:
    """Return a note on why running statistics may be worse for this model."""
    if model.config.norm.queries == "running":
        return []
    return [
        (
            'It was trained with norm.queries = "batch": its epochs were compared with batch statistics, and all inner '
            "steps share one "
            'set of running ones. With norm.queries = "running" and BNRS each step has its own.'
        ),
        "",
    ]


def _training(model: ExportedModel) -> str:
    about, data = model.about, model.about["data"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items()) or "unknown"
    different = {path: value for path, value in settings(model.config).items() if _plain().get(path) != value}
    lines = [
        "## Where it comes from",
        "",
        (
            f"- study {about['study']} ({about['kind']}), run {about['run']}, seed {about['seed']}, MLflow run "
            f"{about['run_id']}"
        ),
        (
            f"- epoch {about['epoch']} of {model.config.budget.epochs}, the best by validation accuracy "
            f"({measured(about['validation_accuracy'])}, "
            "biased upward by that choice)"
        ),
        f"- data {data['name']}, checksum {data['checksum'][:16]}; classes: "
        + ", ".join(f"{count} {split}" for split, count in data["classes"].items()),
        f"- commit {about['git_commit'] or 'unknown'}",
        f"- versions: {versions}",
        "",
        "Settings that differ from plain MAML's; `config.json` has all:",
        "",
        "```",
        *(f"{path} = {value}" for path, value in sorted(different.items())),
        "```",
    ]
    return "\n".join(lines)


def _plain() -> dict[str, Any]:
    return settings(TrainerConfig())


def _limits(model: ExportedModel) -> str:
    episodes = model.config.episodes
    return f"""## Limits

- At most {model.ways} classes at once; fewer work (the other outputs take no part), more are refused.
- Measured with {episodes.shots} image{"s" if episodes.shots > 1 else ""} per class, on {model.about["data"]["name"]}.
  With other numbers of images, fewer classes or other kinds of pictures the accuracy differs: measure it on your own
  data, for example with `cross_val_score`.
- Every image counts the same in `fit`: a class with more images than the others is favoured.
- No rejection option: every image gets one of the fitted classes."""
