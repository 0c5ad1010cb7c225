"""An exported model: a folder with `model.safetensors` and `config.json`, which are sufficient to classify.

It contains no pickle: tensors are safetensors, everything else is JSON. Both files are written under a temporary name
and renamed; the second contains the checksum of the first, so an incomplete folder is detected.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save

from .config import TrainerConfig
from .data.preparation import Preparation
from .errors import InputError
from .fingerprint import MACHINE
from .mamlpp.inner_loop import Learner
from .models.conv4 import Conv4, Weights
from .paths import expanded
from .sections import Section

BESIDE = ".tmp"
"""Suffix of a file that is being written."""
FORMAT = 1
"""Version of the file format; increased when older versions could not read it."""
WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"


class ModelError(InputError):
    """A folder without a usable model; the message names the folder, the problem and the remedy."""


class _Contents(Section):
    """`config.json`."""

    format: int
    weights_sha256: str
    trainer: TrainerConfig
    images: Preparation
    about: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class ExportedModel:
    """A trained network, ready to learn classes from a few images of each.

    Attributes:
        config: what it was trained with.
        preparation: how pictures become what it saw in training.
        weights: the meta-learned weights by name, see `models.conv4`.
        statistics: running means and variances of batch norm; always there, also where training never used them.
        about: where it comes from, for the model card: any JSON.
    """

    config: TrainerConfig
    preparation: Preparation
    weights: Weights
    statistics: Weights
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def ways(self) -> int:
        """N: the maximum number of classes that it can distinguish."""
        return self.config.episodes.ways

    @property
    def learner(self) -> Learner:
        """The network and its inner loop."""
        return Learner(self.config, Conv4(self.config, self.preparation.channels, self.preparation.size))

    def write(self, folder: Path) -> None:
        """Write the two files into `folder`, which is created. Raises ModelError if it contains anything but an earlier
        export, OSError.
        """
        _refuse_foreign(folder)
        content = save(self._tensors())
        contents = _Contents(
            format=FORMAT, weights_sha256=hashlib.sha256(content).hexdigest(), trainer=self.config,
            images=self.preparation, about=self.about,
        )  # fmt: skip
        tree = contents.model_dump(mode="json", exclude={"trainer": MACHINE})
        files = {WEIGHTS_FILE: content, CONFIG_FILE: json.dumps(tree, indent=2).encode() + b"\n"}
        if folder.is_dir() and any(folder.iterdir()):
            _write(files, folder)
        else:
            _write_new(files, folder)

    def _tensors(self) -> Weights:
        groups = {"weights": self.weights, "statistics": self.statistics}
        return {
            f"{group}/{name}": tensor.detach().cpu().contiguous().clone()
            for group, tensors in groups.items()
            for name, tensor in tensors.items()
        }


def read_model(folder: Path | str) -> ExportedModel:
    """Return the model in `folder`; one that has not changed is read once. Raises ModelError."""
    place = expanded(Path(folder))
    files = [place / name for name in (CONFIG_FILE, WEIGHTS_FILE)]
    for file in files:
        if not file.is_file():
            raise ModelError(
                f"{place} holds no {file.name}, so no model; make one with: mamlab export STUDY"
                f" {shlex.quote(str(place))}"
            )
    return _read(place, *(file.stat().st_mtime_ns for file in files))


@lru_cache(maxsize=4)
def _read(folder: Path, *changed: int) -> ExportedModel:
    text, content = (
        (folder / CONFIG_FILE).read_bytes().decode("utf-8-sig", errors="replace"),
        (folder / WEIGHTS_FILE).read_bytes(),
    )
    contents = _contents(folder, text)
    if hashlib.sha256(content).hexdigest() != contents.weights_sha256:
        raise ModelError(
            f"{folder / WEIGHTS_FILE} is damaged, or of another export than {CONFIG_FILE}; export it again"
        )
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise ModelError(f"{folder / WEIGHTS_FILE} cannot be read ({error}); export it again") from None
    config = contents.trainer
    if config.precision == "tf32":  # a mode of CUDA devices in training; any machine may classify
        config = config.model_copy(update={"precision": "float32"})
    model = ExportedModel(
        config, contents.images, _group(tensors, "weights"), _group(tensors, "statistics"), contents.about
    )
    if problem := _misfit(tensors, model):
        raise ModelError(f"{folder / WEIGHTS_FILE} does not fit {CONFIG_FILE}: {problem}; export it again")
    return model


def _group(tensors: Weights, name: str) -> Weights:
    return {path.partition("/")[2]: tensor for path, tensor in tensors.items() if path.startswith(f"{name}/")}


def _misfit(tensors: Weights, model: ExportedModel) -> str:
    """Return the first tensor that the model's network does not have, lacks, or has in another shape; "" if there is
    none.
    """
    learner = model.learner
    weights = learner.initial(0, torch.float32, torch.device("cpu"))
    wanted = {f"weights/{name}": tensor for name, tensor in weights.items()}
    wanted |= {f"statistics/{name}": tensor for name, tensor in learner.network.initial_statistics().values.items()}
    for path in sorted(tensors.keys() | wanted.keys()):
        there, needed = tensors.get(path), wanted.get(path)
        if there is None or needed is None or there.shape != needed.shape:
            shapes = [("none" if one is None else str(list(one.shape))) for one in (there, needed)]
            return f"{path} is {shapes[0]}, and the network has {shapes[1]}"
    return ""


def _contents(folder: Path, text: str) -> _Contents:
    try:
        version = json.loads(text).get("format")
        if version != FORMAT:
            raise ModelError(
                f"{folder / CONFIG_FILE} has format {version!r}, and this mamlab reads {FORMAT}; use the version that"
                " wrote it"
            )
        return _Contents.model_validate_json(text)
    except (ValidationError, json.JSONDecodeError, AttributeError, RecursionError) as error:
        first = str(error).splitlines()[0]
        raise ModelError(f"{folder / CONFIG_FILE} is not an export's ({first}); export it again") from None


def _refuse_foreign(folder: Path) -> None:
    """Raise ModelError if `folder` is a file, or contains anything but the two files of an earlier export."""
    if folder.exists() and not folder.is_dir():
        raise ModelError(f"{folder} is a file; name a folder")
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    ours = {WEIGHTS_FILE, CONFIG_FILE, f"{WEIGHTS_FILE}{BESIDE}", f"{CONFIG_FILE}{BESIDE}"}
    others = [file.name for file in there if file.name not in ours or file.is_symlink() or not file.is_file()]
    if others or (there and not is_export(folder)):
        name = others[0] if others else there[0].name
        raise ModelError(f"{folder} holds other files ({name}); name a new folder, or an earlier export")


def is_export(folder: Path) -> bool:
    """Return whether the `config.json` in `folder` is from an export; other models may have a file of that name."""
    try:
        _contents(folder, (folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ModelError):
        return False
    return True


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    """Write each file completely or not at all."""
    for name, content in files.items():
        beside = folder / f"{name}{BESIDE}"
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(folder / name)
        finally:
            beside.unlink(missing_ok=True)


def _write_new(files: Mapping[str, bytes], folder: Path) -> None:
    """Create the folder with all its files, or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}", suffix=BESIDE, dir=folder.parent) as place:
        made = Path(place) / "model"
        made.mkdir()
        _write(files, made)
        made.replace(folder)
