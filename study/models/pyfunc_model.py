"""The MLflow pyfunc wrapper of an exported model, for `mlflow models serve`.

This file is kept with each logged model, beside the package `trainers`, and is read there as code: nothing is
unpickled.
Nothing else imports it.
"""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from trainers.classifier import MAMLClassifier
from trainers.data.arrays import Bytes
from trainers.data.pictures import PictureError
from trainers.data.preparation import Preparation
from trainers.errors import InputError
from trainers.exported import read_model

_FORM = "image must be a picture file (PNG, JPEG, ...) in base64"


class FewShotModel(PythonModel):
    """Learns from the rows with a label, and classifies those without."""

    def load_context(self, context: Any) -> None:
        """Read the model once, when the server starts."""
        self._folder = context.artifacts["model"]
        MAMLClassifier.load(self._folder)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a row for each row of `model_input` without label: label, its probability, those of every class.

        Columns: `image`, a picture file in base64; `label`. Raises MlflowException, whose text the client reads.
        """
        try:
            return self._answers(model_input, transductive=bool((params or {}).get("transductive", False)))
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None

    def _answers(self, table: pd.DataFrame, transductive: bool) -> pd.DataFrame:
        if table.empty:
            raise InputError("no row was sent: send images to learn from with a label, and images to classify without")
        preparation = read_model(self._folder).preparation
        pictures = np.stack([_picture(preparation, row, text) for row, text in enumerate(table["image"])])
        labels = [_label(value) for value in table.get("label", [None] * len(pictures))]
        known = [row for row, label in enumerate(labels) if label]
        asked = [row for row, label in enumerate(labels) if not label]
        if not known or not asked:
            raise InputError(
                f"{len(known)} rows with a label and {len(asked)} without: send the images to learn from with a label,"
                " and those to classify with an empty label"
            )
        classifier = MAMLClassifier(self._folder, transductive=transductive)
        classifier.fit(pictures[known], [labels[row] for row in known])
        found = classifier.predict_proba(pictures[asked])
        return pd.DataFrame([_answer(classifier.classes_.tolist(), row.tolist()) for row in found])


def _answer(classes: list[str], probabilities: list[float]) -> dict[str, Any]:
    best = max(range(len(classes)), key=probabilities.__getitem__)
    return {
        "label": classes[best],
        "probability": probabilities[best],
        "probabilities": dict(zip(classes, probabilities, strict=True)),
    }


def _label(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def _picture(preparation: Preparation, row: int, text: Any) -> Bytes:
    """Return a picture in base64 as the network's pixels. Raises ValueError naming the row, before decoding if it is
    too large.
    """
    try:
        content = base64.b64decode(str(text).rpartition(",")[2], validate=True)  # a data: address has a head
        return preparation.pixels(io.BytesIO(content), "the picture")
    except binascii.Error as error:
        raise InputError(f"row {row}: {_FORM} ({error})") from None
    except PictureError as error:
        raise InputError(f"row {row}: {f'{_FORM} ({error})' if 'cannot be read' in str(error) else error}") from None


set_model(FewShotModel())
