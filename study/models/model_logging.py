"""Logs an exported model to MLflow: a pyfunc from code and safetensors, linked to the run that trained it."""

from __future__ import annotations

import base64
import hashlib
import io
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trainers
from reports.data.experiments import parent_of
from reports.records import RunRecord
from trainers.exported import WEIGHTS_FILE, read_model

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature
    from PIL.Image import Image

CODE = Path(__file__).with_name("pyfunc_model.py")
REQUIREMENTS = ("mlflow", "torch", "numpy", "pandas", "pydantic", "scikit-learn", "safetensors", "pillow")
"""Requirements for serving; the package `trainers` is stored with the model."""
TAG_WEIGHTS = "weights_sha256"
CARD = "mlflow.note.content"
"""The tag that the UI shows on top of a model."""
CARD_LIMIT = 5000
"""Characters of a tag that every store takes."""
NOT_IN_NAMES = str.maketrans(dict.fromkeys("/:.%\"'", "-"))
"""MLflow refuses these in the name of a model."""


def log_model(client: Any, folder: Path, record: RunRecord, name: str, card: str, metrics: Mapping[str, float]) -> str:
    """Log the model in `folder` to the run of `record` and return its address, models:/...; one that is there is not
    logged again.

    `name` says which one of which study it is, `card` is its card in Markdown; `metrics` are what it reaches, in
    percent. These stand with the study's own run, as reports read those of `record`.
    """
    digest = hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()
    if there := _find(client, record, digest):
        return there
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    made = client.create_logged_model(
        record.experiment_id, name=name.translate(NOT_IN_NAMES), source_run_id=record.run_id,
        tags={TAG_WEIGHTS: digest, CARD: _text(card)[:CARD_LIMIT]},
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "model"
        _save(path, folder, made, record.run_id)
        client.log_model_artifacts(made.model_id, str(path))
    client.finalize_logged_model(made.model_id, LoggedModelStatus.READY)
    client.log_outputs(record.run_id, [LoggedModelOutput(made.model_id, 0)])
    if parent := parent_of(client, record.experiment_id):
        for metric, value in metrics.items():
            client.log_metric(parent.info.run_id, metric, value, model_id=made.model_id)
    return f"models:/{made.model_id}"


def _text(card: str) -> str:
    """Return a card without its first lines for model hubs."""
    return card.split("\n---\n", 1)[-1].strip()


def _save(path: Path, folder: Path, made: Any, run_id: str) -> None:
    """Write the pyfunc of the model in `folder` to `path`, with all the code that it takes."""
    import mlflow.pyfunc
    from mlflow.models import Model

    model = Model(artifact_path=made.artifact_location, run_id=run_id, model_id=made.model_id, model_uuid=made.model_id)
    mlflow.pyfunc.save_model(
        str(path), python_model=str(CODE), artifacts={"model": str(folder)}, signature=signature(),
        code_paths=[str(Path(trainers.__file__).parent)], input_example=(example(folder), {"transductive": False}),
        pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS], mlflow_model=model,
    )  # fmt: skip


def example(folder: Path) -> pd.DataFrame:
    """Return a request to the model in `folder`: a black and a white picture to learn, and a grey one to classify."""
    import pandas as pd
    from PIL import Image as Images

    size = read_model(folder).preparation.size
    return pd.DataFrame(
        [
            {"image": encoded(Images.new("L", (size, size), grey)), "label": label}
            for grey, label in ((0, "black"), (255, "white"), (200, ""))
        ]
    )


def encoded(picture: Image) -> str:
    """Return a picture as base64-encoded PNG."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def signature() -> ModelSignature:
    """Return the signature of the served model: tables with one row per picture.

    In: `image`, a picture file (PNG, JPEG, ...) in base64; `label`, its class, or nothing where that is asked for.
        Parameter
    `transductive`. Out: for each row without label, in order: the label, its probability, and that of every class.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
    from mlflow.types.schema import Map

    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.string, "image"),
        ColSpec(DataType.string, "label", required=False),
    ]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.string, "label"),
        ColSpec(DataType.double, "probability"),
        ColSpec(Map(DataType.double), "probabilities"),
    ]
    return ModelSignature(
        inputs=Schema(inputs), outputs=Schema(outputs),
        params=ParamSchema([ParamSpec("transductive", DataType.boolean, False)]),
    )  # fmt: skip


def _find(client: Any, record: RunRecord, digest: str) -> str | None:
    """Return the URI of the run's existing model with these weights, or None."""
    found = client.search_logged_models(
        [record.experiment_id], filter_string=f"source_run_id = '{record.run_id}' AND tags.{TAG_WEIGHTS} = '{digest}'"
    )
    ready = [model for model in found if model.status == "READY"]
    return f"models:/{ready[0].model_id}" if ready else None
