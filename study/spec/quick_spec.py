"""The spec of `mamlab train` without a spec file, built from its options."""

from __future__ import annotations

import hashlib

from trainers.errors import InputError
from trainers.presets import PRESETS

from .config import SpecError, StudyConfig
from .parsing import parse_spec
from .set_options import given_line, refuse_twice, toml_text


def quick_spec(
    preset: str | None = None,
    data: str | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    settings: list[str] | None = None,
    name: str | None = None,
) -> StudyConfig:
    """Return the study of one training; `settings` are trainer settings such as "inner.steps=3".

    The default name is derived from the other arguments, so that the same command resumes the same study. Raises
    InputError.
    """
    preset, data, seed = preset or "mamlpp", data or "glyphs", seed or 0
    given = [(f"--set {text}", given_line(text)) for text in settings or []]
    if epochs is not None:
        given.append((f"--epochs {epochs}", f"budget.epochs = {epochs}"))
    refuse_twice([(f"--preset {preset}", "preset ="), *given])
    lines = [line for _, line in given]
    known = preset if preset in PRESETS else "preset"  # an unknown preset is reported once, below
    name = name or "-".join([known, data, f"seed{seed}", *_mark(lines)])
    text = (
        f"[study]\nname = {toml_text(name)}\nseed = {seed}\n\n[data]\nsource = {toml_text(data)}\n\n"
        f"[trainer]\npreset = {toml_text(preset)}\n" + "".join(f"{line}\n" for line in lines)
    )
    try:
        return parse_spec(text)
    except SpecError as error:
        raise InputError("\n".join(map(_of_options, error.problems))) from None


def _mark(lines: list[str]) -> list[str]:
    return [hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:6]] if lines else []


def _of_options(problem: str) -> str:
    """Return an error message that names the option instead of the setting."""
    for section, option in (("trainer.preset", "--preset"), ("trainer.", "--set "), ("data.source", "--data")):
        if problem.startswith(section):
            return option + problem.removeprefix(section).replace(" = ", " ", section == "trainer.preset")
    return problem.replace("study.name", "--name", 1) if problem.startswith("study.name") else problem
