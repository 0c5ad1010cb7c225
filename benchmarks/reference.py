"""Runs the released code of "How to train your MAML", from the checkout that `MAML_REFERENCE` names, for comparison.

None of it is part of this project. It is imported unchanged; only its arguments are made here. `python -m
benchmarks.reference IMAGES OUT SEED` trains it to the end, as its own command would.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from trainers.data.episodes import TaskBatch
from trainers.training_run import TrainingRun

from .setting import Setting

VARIABLE = "MAML_REFERENCE"
SYSTEM = "few_shot_learning_system"
LEFT_OUT = f"left out: set {VARIABLE} to a checkout of the paper's code"
EPOCHS, ITERATIONS, EVALUATED = 5, 4, 24
"""Size of a whole training; the paper's code tests its five best epochs, so it needs at least five."""
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


def checkout() -> Path | None:
    """Return the folder of the paper's code, or None if the variable is not set. Raises ValueError if the folder does
    not contain it.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    folder = Path(named).absolute()
    if not (folder / f"{SYSTEM}.py").is_file():
        raise ValueError(f"{VARIABLE} = {named}: there is no {SYSTEM}.py; name the folder that holds it, or unset it")
    return folder


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Allow a block to import the paper's modules, and suppress their output and warnings."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sys.path.insert(0, str(folder))
        try:
            yield
        finally:
            sys.path.remove(str(folder))


def arguments(setting: Setting) -> SimpleNamespace:
    """Return the arguments of the paper's code: those of its Omniglot configs, at the setting's sizes."""
    return SimpleNamespace(
        seed=0, batch_size=setting.tasks, use_cuda=setting.device != "cpu", dataset_name="omniglot_dataset",
        image_channels=setting.channels, image_height=setting.size, image_width=setting.size,
        num_classes_per_set=setting.ways, num_samples_per_class=setting.shots, num_target_samples=setting.queries,
        number_of_training_steps_per_iter=setting.steps, number_of_evaluation_steps_per_iter=setting.steps,
        cnn_num_filters=setting.filters, num_stages=4, conv_padding=True, max_pooling=True, norm_layer="batch_norm",
        per_step_bn_statistics=True, learnable_bn_gamma=True, learnable_bn_beta=True,
        enable_inner_loop_optimizable_bn_params=False, learnable_per_layer_per_step_inner_loop_learning_rate=True,
        task_learning_rate=0.1, meta_learning_rate=0.001, min_learning_rate=0.00001, total_epochs=100,
        second_order=setting.second_order, first_order_to_second_order_epoch=-1,
        use_multi_step_loss_optimization=True, multi_step_loss_num_epochs=10,
    )  # fmt: skip


class Reference:
    """The paper's learner at the sizes of a setting, on its device.

    Args:
        folder: the checkout.
        setting: the sizes.
    """

    def __init__(self, folder: Path, setting: Setting) -> None:
        self._folder, self._setting = folder, setting
        shape = (2, setting.channels, setting.size, setting.size)
        with importable(folder):
            make = importlib.import_module(SYSTEM).MAMLFewShotClassifier
            self.learner: Any = make(shape, torch.device(setting.device), arguments(setting))

    def batch(self, tasks: TaskBatch) -> Batch:
        """Return our tasks in the paper's order: support and query images, then their labels, class by class."""
        one = self._setting
        parts = (tasks.support, tasks.query, tasks.support_labels, tasks.query_labels)
        support, query, support_labels, query_labels = (x.reshape(len(x), one.ways, -1, *x.shape[2:]) for x in parts)
        return support, query, support_labels, query_labels

    def iterate(self, batch: Batch, epoch: int) -> float:
        """Take one meta-step of `epoch`, counted from 0; return the loss before it."""
        with importable(self._folder):
            losses, _ = self.learner.run_train_iter(batch, epoch)
        loss: float = losses["loss"].item()
        return loss

    def exact_iterate(self, batch: Batch, epoch: int) -> float:
        """Like `iterate`, with a constant outer learning rate and without the paper's conversion of all inputs to
        float32.
        """
        with importable(self._folder):
            self.learner.current_epoch = epoch
            losses, _ = self.learner.train_forward_prop(batch, epoch)
            self.learner.meta_update(losses["loss"])
        loss: float = losses["loss"].item()
        return loss

    def evaluate(self, batches: Iterable[Batch]) -> None:
        """Evaluate the tasks of the batches."""
        with importable(self._folder):
            for batch in batches:
                self.learner.run_validation_iter(batch)

    def take_weights(self, run: TrainingRun) -> None:
        """Start from the weights of `run`."""
        theirs = dict(self.learner.named_parameters())
        with torch.no_grad():
            for name, weight in run.weights.items():
                target = theirs[_their_name(name)]
                target[: len(weight)].copy_(weight) if name.startswith("lslr.") else target.copy_(weight)


def _their_name(name: str) -> str:
    """Return the name that the paper's code gives to one of our weights."""
    if name.startswith("lslr."):
        path = _their_name(name.removeprefix("lslr.")).removeprefix("classifier.")
        return "inner_loop_optimizer.names_learning_rates_dict." + path.replace(".", "-")
    renamed = {"norm.gamma": "norm_layer.weight", "norm.beta": "norm_layer.bias", "weight": "conv.weight"}
    layer, _, rest = name.partition(".")
    last = {"weight": "weights", "bias": "bias"}[rest] if layer == "linear" else renamed[rest]
    return f"classifier.layer_dict.{layer}.{last}"


def train(folder: Path, images: Path, out: Path, seed: int) -> None:
    """Train on a folder of images, validate every epoch, and test the best epochs, as the paper's command does."""
    own = arguments(Setting())
    vars(own).update(
        seed=seed, train_seed=seed, val_seed=seed, experiment_name=str(out), continue_from_epoch="from_scratch",
        dataset_path=str(images), sets_are_pre_split=True, load_into_memory=True, reset_stored_filepaths=False,
        indexes_of_folders_indicating_class=[-3, -2], labels_as_int=False, reverse_channels=False,
        train_val_test_split=[0.6, 0.2, 0.2], num_of_gpus=1, samples_per_iter=1, num_dataprovider_workers=4,
        total_epochs=EPOCHS, total_iter_per_epoch=ITERATIONS, num_evaluation_tasks=EVALUATED, max_models_to_save=5,
        total_epochs_before_pause=EPOCHS, evaluate_on_test_set_only=False,
    )  # fmt: skip
    out.mkdir(parents=True)
    os.environ["DATASET_DIR"] = str(out)  # where it keeps its lists of files
    os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # its checkpoints hold NumPy numbers
    with importable(folder):
        system, data, builder = map(importlib.import_module, (SYSTEM, "data", "experiment_builder"))
        learner = system.MAMLFewShotClassifier(im_shape=(2, 1, 28, 28), device=torch.device("cpu"), args=own)
        loader, device = data.MetaLearningSystemDataLoader, torch.device("cpu")
        builder.ExperimentBuilder(model=learner, data=loader, args=own, device=device).run_experiment()


if __name__ == "__main__":
    there = checkout()
    assert there is not None, LEFT_OUT
    train(there, Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
