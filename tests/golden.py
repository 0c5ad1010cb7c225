"""Compare the trainer with recorded float64 numbers: ``python -m tests.golden FOLDER [--device cuda]``.

A case is NAME.json (a setting) with NAME.npz (arrays): one meta-step, or a short training. Each is put through the
trainer's own code. Prints a line a case with the largest relative error, max|a - b| / max|b| over a tensor, of the
loss, the query logits, the meta-gradients and the final weights; exits with 1 above 1e-9 (final weights of a training:
1e-6).
Convolution biases, which batch norm cancels, are not compared.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.toy import DEVICE
from trainers.arithmetic import arithmetic
from trainers.config import TrainerConfig
from trainers.data.classes import ClassData, ClassRange
from trainers.data.episodes import TaskBatch
from trainers.mamlpp.meta_step import MetaPass, meta_gradient
from trainers.mamlpp.query_shares import QueryShares
from trainers.mamlpp.schedules import msl_weights, outer_lr
from trainers.overrides import normalise
from trainers.training_run import TrainingRun

LIMITS = {"loss": 1e-9, "logits": 1e-9, "gradients": 1e-9, "schedules": 1e-9, "final": 1e-6}
Arrays = Mapping[str, np.ndarray[Any, Any]]


@dataclass
class Errors:
    """The largest relative error of each kind, and the tensor it is in."""

    worst: dict[str, tuple[float, str]] = field(default_factory=dict)

    def note(self, kind: str, name: str, ours: Tensor | list[float], theirs: np.ndarray[Any, Any]) -> None:
        a = np.asarray(ours.detach().cpu() if isinstance(ours, Tensor) else ours, dtype=np.float64).reshape(
            theirs.shape
        )
        error = float(np.abs(a - theirs).max() / (np.abs(theirs).max() or 1.0))
        error = float("inf") if np.isnan(error) else error
        self.worst[kind] = max(self.worst.get(kind, (0.0, name)), (error, name))

    @property
    def ok(self) -> bool:
        return bool(self.worst) and all(error <= LIMITS[kind] for kind, (error, _) in self.worst.items())

    def __str__(self) -> str:
        return "  ".join(f"{kind} {error:.1e}" for kind, (error, _) in self.worst.items())


def case_config(case: Mapping[str, Any], device: str = DEVICE) -> TrainerConfig:
    """Return the trainer's config of a case; rates are always by layer and step, since the case stores them so."""
    epochs = case.get("epochs", 1000)
    tree: dict[str, Any] = {
        "episodes": {"ways": case["way"], "shots": case["shot"], "queries": case["query"], "tasks": case["B"]},
        "model": {"filters": case["filters"], "downsample": "max_pool" if case.get("maxpool", True) else "stride"},
        "inner": {"steps": case["K"], "lr": case.get("alpha", 0.1)},
        "lslr": {"granularity": "per_layer_per_step"},
        "bnwb": "on" if case["per_step"] else "off",
        "budget": {"epochs": epochs, "iterations": case.get("iters_per_epoch", 1)},
        "precision": "float64",
        "device": device,
    }
    if case["msl"]:
        tree["msl"] = {"schedule": "linear", "epochs": case.get("msl_epochs", 10)}
    if case["kind"] == "training run":
        adam = case["adam"]
        tree["outer"] = {"lr": adam["lr"], "beta1": adam["betas"][0], "beta2": adam["betas"][1]}
        tree["ca"] = {"min_lr": case.get("minlr", 1e-5), "period": epochs}
        if case.get("da", -1) >= 0:  # the recorded code is first-order while epoch <= da
            tree["da"] = {"first_order_epochs": case["da"] + 1}
    return normalise(tree)[0]


def start(case: Mapping[str, Any], arrays: Arrays, device: str = DEVICE) -> TrainingRun:
    """Return a run that stands at the case's weights."""
    classes = tuple(ClassRange(str(c), c * 50, 50) for c in range(case["way"]))
    images = torch.zeros(case["way"] * 50, case["ch"], case["hw"], case["hw"], dtype=torch.uint8)
    run = TrainingRun(
        case_config(case, device), 0, ClassData("golden", images, {"train": classes, "val": classes, "test": classes})
    )
    with torch.no_grad():
        for name, weight in run.weights.items():
            weight.copy_(torch.from_numpy(arrays[f"param/{name}"]).reshape(weight.shape))
            if name.startswith("lslr.") and not case["lslr"]:
                weight.requires_grad_(False)
    return run


def tasks(arrays: Arrays, *at: int, device: torch.device) -> TaskBatch:
    """Return one batch."""
    support, support_labels, query, query_labels = (
        torch.from_numpy(arrays[name][at]).to(device) for name in ("x_support", "y_support", "x_query", "y_query")
    )
    return TaskBatch(support.flatten(1, 2), support_labels.flatten(1), query.flatten(1, 2), query_labels.flatten(1))


def check_meta_step(case: Mapping[str, Any], arrays: Arrays, device: str = DEVICE) -> Errors:
    """Compare loss, logits, MSL's weights and all meta-gradients of one meta-step."""
    run, errors = start(case, arrays, device), Errors()
    place = run.data.images.device
    batch, weights, order = (
        tasks(arrays, device=place),
        msl_weights(run.config, case["epoch"]),
        bool(case["second_order"]),
    )
    shares = QueryShares(weights, place)
    loss, _ = meta_gradient(run.learner, run.weights, batch, shares, second_order=order, at_once=run.at_once)
    logits = MetaPass(run.learner, run.weights, batch, shares).logits
    errors.note("loss", "loss", loss, arrays["loss"])
    errors.note("logits", "query_logits", logits, arrays["query_logits"])
    if case["msl"] and case["epoch"] < case.get(
        "msl_epochs", 10
    ):  # later the record holds weights that the loss ignores
        errors.note("schedules", "msl_weights", weights, arrays["msl_weights"])
    for name, weight in run.weights.items():
        if weight.requires_grad and f"grad/{name}" in arrays:
            gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad
            errors.note("gradients", name, gradient, arrays[f"grad/{name}"])
    return errors


def check_training(case: Mapping[str, Any], arrays: Arrays, device: str = DEVICE) -> Errors:
    """Compare every loss, the outer rates and the final weights of a short training."""
    run, errors, losses, rates = start(case, arrays, device), Errors(), [], []
    for iteration in range(len(arrays["losses"])):
        epoch = iteration // case["iters_per_epoch"]
        rates.append(outer_lr(run.config, epoch))
        losses.append(float(run.iterate(epoch, tasks(arrays, iteration, device=run.data.images.device))[0]))
    errors.note("loss", "losses", losses, arrays["losses"])
    errors.note("schedules", "outer_lr", rates, arrays["outer_lr"])
    for name, weight in run.weights.items():
        if weight.requires_grad and f"final/{name}" in arrays:
            errors.note("final", name, weight, arrays[f"final/{name}"])
    return errors


def check(setting: Path, device: str = DEVICE) -> Errors:
    """Check the case whose setting is in the JSON file `setting`."""
    case = json.loads(setting.read_text())
    with np.load(setting.with_suffix(".npz")) as stored:
        arrays = {name: stored[name] for name in stored.files}
    compare = check_training if case["kind"] == "training run" else check_meta_step
    with arithmetic(case_config(case, device)):
        return compare(case, arrays, device)


def main(folder: str, device: str = DEVICE) -> int:
    """Check every case in `folder`; return the exit status."""
    settings = sorted(Path(folder).glob("*.json"))
    if not settings:
        print(f"no cases (NAME.json with NAME.npz) in {folder}")
        return 2
    failed = 0
    for setting in settings:
        errors = check(setting, device)
        failed += not errors.ok
        print(f"{'ok  ' if errors.ok else 'FAIL'} {setting.stem:24} {errors}", flush=True)
        if not errors.ok:
            print("     worst:", ", ".join(f"{kind} in {name}" for kind, (_, name) in errors.worst.items()))
    print(f"{len(settings) - failed} of {len(settings)} cases agree")
    return 1 if failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--device", default=DEVICE, help="default: %(default)s")
    sys.exit(main(**vars(parser.parse_args())))
