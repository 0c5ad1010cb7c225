"""Metric: what a study is judged by, whether higher is better, and how values are shown."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from trainers.errors import InputError

Better = Literal["higher", "lower"]
PERCENT = "%"
COUNTED = 1e-10
"""Accuracies are ratios of counts: those closer than this are equal."""
ROUNDING = 1e-12
"""Relative tolerance: other values closer than this are equal up to rounding."""


@dataclass(frozen=True)
class Metric:
    """One number of a run, to judge runs by or to show.

    Attributes:
        name: its key in `RunRecord.metrics`.
        better: whether "higher" or "lower" values are better.
        unit: written after a value ("%", "ms"); empty for none. Differences of percentages are in points.
        scale: values are multiplied by this for display; 100 for a share shown in percent.
        chance: the value that guessing gives, unscaled; None if unknown.
        title: heading in tables; empty: the name.
        meaning: what it measures, as part of a sentence; may be empty.

    Raises InputError for an invalid field.
    """

    name: str
    better: Better = "higher"
    unit: str = ""
    scale: float = 1.0
    chance: float | None = None
    title: str = ""
    meaning: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise InputError(f"metric.name: must be the name of a metric, not {self.name!r}")
        if self.better not in get_args(Better):
            raise InputError(f'metric.better: must be "higher" or "lower", not {self.better!r}')
        if not isinstance(self.scale, int | float) or not 0 < self.scale < math.inf:
            raise InputError(f"metric.scale: must be a positive number, not {self.scale!r}")
        if self.chance is not None and not (isinstance(self.chance, int | float) and math.isfinite(self.chance)):
            raise InputError(f"metric.chance: must be a number, not {self.chance!r}; leave it out if it is unknown")

    @property
    def sign(self) -> int:
        """1 if higher values are better, -1 if lower ones are: after multiplying by `sign`, larger is better."""
        return 1 if self.better == "higher" else -1

    @property
    def is_share(self) -> bool:
        """Whether values are shares of 1 shown in percent, as accuracies are; intervals then stay within [0, 1]."""
        return self.unit == PERCENT and self.scale == 100

    @property
    def heading(self) -> str:
        """The title, or the name without one."""
        return self.title or self.name

    @property
    def words(self) -> str:
        """The metric within a sentence: "test accuracy"."""
        return self.title.lower() or self.name

    @property
    def label(self) -> str:
        """The title of a column of values: "Test accuracy, %"."""
        return self.with_unit(self.heading)

    @property
    def difference_unit(self) -> str:
        """The unit of a difference: "points" for percentages; empty for none."""
        return "points" if self.unit == PERCENT else self.unit

    @property
    def best_word(self) -> str:
        """Return "highest" or "lowest": what the best value is."""
        return "highest" if self.better == "higher" else "lowest"

    @property
    def validation(self) -> str:
        """What MLflow has its value on validation data under, epoch by epoch."""
        return f"val_{self.name}"

    @property
    def best_validation(self) -> str:
        """What MLflow has the best epoch's value on validation data under."""
        return f"best_val_{self.name}"

    @property
    def test(self) -> str:
        """What MLflow has the value on test data under."""
        return f"test_{self.name}"

    @property
    def tested(self) -> Metric:
        """The metric of values on test data, which decides where runs were tested."""
        if self == ACCURACY:
            return TEST_ACCURACY
        what = f"{self.heading} on test data, of the best epoch on validation data"
        return replace(self, name=self.test, title=f"Test {self.heading}", meaning=what)

    @property
    def validated(self) -> Metric:
        """The metric of the best epochs' values on validation data, which decides where no run was tested."""
        if self == ACCURACY:
            return BEST_VALIDATION
        what = f"{self.heading} of the best epoch on validation data (these runs were not tested; the best of several"
        return replace(
            self, name=self.best_validation, title=f"Best validation {self.heading}",
            meaning=f"{what} epochs is biased towards better)",
        )  # fmt: skip

    @property
    def is_validation(self) -> bool:
        """Whether this is a best epoch's value on validation data, which no results of test tasks stand behind."""
        return self.name.startswith("best_val_")

    @property
    def biased(self) -> str:
        """Where the best of many values lies beyond what it is worth."""
        return "upward" if self.better == "higher" else "downward"

    @property
    def validation_label(self) -> str:
        """The title of an axis of values on validation data."""
        return self.with_unit(f"Validation {self.heading}")

    def best(self, values: Iterable[float]) -> float | None:
        """Return the best of `values`, None of none."""
        return max(values, key=lambda value: self.sign * value, default=None)

    def with_unit(self, title: str, difference: bool = False) -> str:
        """Return a column's title with the unit of its values, or of its differences."""
        unit = self.difference_unit if difference else self.unit
        return f"{title}, {unit}" if unit else title

    def same(self, *values: float) -> float:
        """Return the distance up to which two of `values` count as equal."""
        if self.is_share:
            return COUNTED
        return ROUNDING * max((abs(value) for value in values if math.isfinite(value)), default=0.0)


_LOWER = "loss error err rmse mse mae mape nll perplexity ppl wer cer fid regret time seconds latency bpd bpc brier ece"
_HIGHER = "accuracy acc auc auroc auprc f1 precision recall r2 reward return bleu rouge iou dice mrr ndcg psnr ssim"


def better_by_name(name: str) -> Better:
    """Return whether "higher" or "lower" is better, by the words of the metric's name ("val_rmse": lower).

    Raises InputError if the name does not tell.
    """
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    lower, higher = words & set(_LOWER.split()), words & set(_HIGHER.split())
    if bool(lower) == bool(higher):
        raise InputError(
            f'the name "{name}" does not tell whether higher or lower is better; set better = "higher" or "lower"'
        )
    return "lower" if lower else "higher"


ACCURACY = Metric("accuracy", unit=PERCENT, scale=100)
"""What MAML++ is judged by; `TEST_ACCURACY` and `BEST_VALIDATION` are its values at the end of a run."""
TEST_ACCURACY = Metric(
    "test_accuracy", unit=PERCENT, scale=100, title="Test accuracy",
    meaning="test accuracy of the weights of the best validation epoch (single model)",
)  # fmt: skip
BEST_VALIDATION = Metric(
    "best_val_accuracy", unit=PERCENT, scale=100, title="Best validation accuracy",
    meaning="validation accuracy of the best epoch (these runs were not tested; a maximum over epochs is biased"
    " upward)",
)  # fmt: skip
