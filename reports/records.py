"""The contract for a run's record: its fields, and their names in MLflow.

`study` writes these names, `reports` reads them; nothing else joins the two packages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from trainers.errors import InputError

from .designs import Across as Across
from .designs import Factorial as Factorial
from .designs import Family as Family
from .designs import Sweep as Sweep
from .designs import designs_of
from .metric import ACCURACY
from .metric import Metric as Metric
from .origin import FreshSeeds, Origin, fresh_of, origin_of
from .recorded_looks import RecordedLook, recorded_look

# Tags of every run. Values are strings, JSON where stated.
TAG_STATE = "mamlab.state"
TAG_STUDY = "study"
TAG_KIND = "kind"
TAG_ROLE = "role"
TAG_ARM = "arm"
"""Name of the ablation's arm; absent in a search."""
TAG_SEED = "seed"
TAG_TRIAL = "trial"
"""Optuna's trial number, zero-padded to four digits because MLflow sorts tags as strings."""
TAG_CELL = "cell"
TAG_CHECKPOINT = "checkpoint"
""""gone" if `mamlab doctor --fix` found a complete run without its checkpoint; else absent."""
TAG_DATA = "data"
TAG_DATA_CHECKSUM = "data_checksum"
TAG_GIT_COMMIT = "git_commit"
TAG_VERSIONS = "versions"
"""JSON object: package -> version."""
TAG_DEVICE = "device"
TAG_REUSED_FROM = "reused_from"
"""Id of the run whose results were reused; absent in a run that trained itself."""
TAG_RESUMED = "resumed"
"""How often the run was interrupted and resumed; absent for never."""
TAG_PRESET = "preset"
TAG_DROPPED = "dropped"
"""JSON object: dotted path of a setting that normalising dropped -> reason."""
TAG_MESSAGE = "message"
"""Why the run diverged or failed: a sentence."""
TAG_STOPS_TRIAL = "stops_trial"
"""A pruner stopped the trial after this seed's run, before all seeds were trained."""
TAG_PARENT = "mlflow.parentRunId"
TAG_RUN_NAME = "mlflow.runName"

# Tags of the parent run alone. The artifact `FACTS_FILE` holds the same; a tag that would be too long only names it.
TAG_FAMILIES = "families"
"""JSON list of [name, [[arm, base], ...]]: the families within which p values are adjusted."""
TAG_DESIGN = "design"
"""JSON object of an ablation's `Factorial` ({"factors", "arms"}) or `Sweep` ({"path", "values"})."""
TAG_ACROSS = "across"
"""JSON object of an ablation's `Across` ({"path", "values", "arms"}), if its design is repeated."""
TAG_SCORE = "score"
"""How a search scores a trial of several seeds: "mean" or "lower_bound"."""
TAG_FINALISTS, TAG_TEST = "finalists", "test_statistic"
"""Of a search, how many are ranked by held-out accuracy; of an ablation "moderated", absent for its own statistic."""
TAG_ADJUST = "adjust"
"""Of an ablation: "study", if p values are adjusted over all comparisons; absent for within each family."""
TAG_TRAINED_BY = "trained_by"
"""A trainer other than the built-in one: "module:name" and its source's checksum; absent for the built-in."""
TAG_METRIC = "metric"
"""JSON object of the `Metric` that runs are measured by, if it is not accuracy; on every run."""
TAG_TRUSTED, TAG_PAIRING = "trusted", "pairing"
"""Of other methods: the source that was taken for the same; what trainings with equal seeds share."""
TAG_LOOKS = "looks"
"""JSON list of the numbers of seeds at which an ablation is judged; absent for one test with all seeds."""
TAG_MARGIN = "margin"
"""Of an ablation, JSON number: differences below this many points do not matter; absent for none."""
TAG_SEARCHED = "searched"
"""JSON list of the dotted names that the search varied."""
TAG_HELD = "mamlab.held"
"""Of the study's own run, JSON object: label -> fingerprint of the runs that wait because another process trains
theirs.
"""
TAG_SPACE = "space"
"""JSON object: dotted name -> the distribution that the search draws it from, in the form of `StudyInfo.space`."""
TAG_DATA_PATH = "data_path"
"""Absolute path of the data when the study last started; reports have only `TAG_DATA_CHECKSUM`, not the path."""
TAG_ORIGIN = "origin"
"""JSON object of an ablation's `Origin`: the search whose trials its arms are."""
TAG_ORIGIN_SEARCH = "origin_search"
"""That search's name alone, to filter by: which studies follow from it."""

ROLE_STUDY = "study"
ROLE_RUN = "run"
ROLE_SUPERSEDED = "superseded"
"""Role of a failed run that was replaced by a new one; reports ignore it."""
ROLE_SUMMARY = "summary"
"""Role of a run that only shows an arm's (or trial's) mean and interval in the MLflow UI; reports ignore it."""

SEARCH = "search"
ABLATION = "ablation"
TRAIN = "train"
Kind = Literal["search", "ablation", "train"]

COMPLETE = "complete"
PRUNED = "pruned"
DIVERGED = "diverged"
OUT_OF_MEMORY = "out_of_memory"
FAILED = "failed"
INTERRUPTED = "interrupted"
RUNNING = "running"
WAITING = "waiting"
STATES = (COMPLETE, PRUNED, DIVERGED, OUT_OF_MEMORY, FAILED, INTERRUPTED, RUNNING, WAITING)
"""All states, in the order in which reports count them."""
EndState = Literal["complete", "pruned", "diverged", "out_of_memory", "failed", "interrupted"]
"""How a run ends; an interrupted run is resumed with its study."""
ENDED: tuple[str, ...] = tuple(state for state in get_args(EndState) if state != INTERRUPTED)
"""Final states."""

# Metrics of every epoch; the step is the 1-based epoch. Accuracies lie in [0, 1].
TRAIN_LOSS = "train_loss"
TRAIN_ACCURACY = "train_accuracy"
VAL_LOSS = "val_loss"
VAL_ACCURACY = "val_accuracy"
VAL_ACCURACY_SE = "val_accuracy_se"
OUTER_LR = "outer_lr"
EPOCH_SECONDS = "epoch_seconds"
TASKS_PER_SECOND = "tasks_per_second"
EPOCH_METRICS = (
    TRAIN_LOSS, TRAIN_ACCURACY, VAL_LOSS, VAL_ACCURACY, VAL_ACCURACY_SE, OUTER_LR, EPOCH_SECONDS, TASKS_PER_SECOND,
)  # fmt: skip

# Metrics at the end of a run.
BEST_VAL_ACCURACY = "best_val_accuracy"
BEST_EPOCH = "best_epoch"
EPOCHS_RUN = "epochs_run"
SECONDS = "seconds"
COMPUTE = "work"
"""Counted operations of the epochs run, as a multiple of the base config's whole training."""
TEST_ACCURACY = "test_accuracy"
TEST_ACCURACY_SE = "test_accuracy_se"
ENSEMBLE_TEST_ACCURACY = "ensemble_test_accuracy"
ENSEMBLE_TEST_ACCURACY_SE = "ensemble_test_accuracy_se"
HELD_OUT_ACCURACY, HELD_OUT_ACCURACY_SE = "held_out_accuracy", "held_out_accuracy_se"
HELD_OUT_TASKS = "held_out_tasks"
"""Number of the validation tasks that these are of; nothing was selected by them."""
FINAL_METRICS = (
    BEST_VAL_ACCURACY, BEST_EPOCH, EPOCHS_RUN, SECONDS, COMPUTE, TEST_ACCURACY, TEST_ACCURACY_SE,
    ENSEMBLE_TEST_ACCURACY, ENSEMBLE_TEST_ACCURACY_SE, HELD_OUT_ACCURACY, HELD_OUT_ACCURACY_SE, HELD_OUT_TASKS,
)  # fmt: skip

# Artifacts.
CONFIG_FILE = "config.json"
PER_TASK_FILE = "per_task.json"
AUDIT = "audit"
"""Key in `PER_TASK_FILE`: evaluation variants of the same checkpoints, "batch.top1" -> accuracies, and so on."""
INNER_RATES_FILE = "inner_rates.json"
"""Adapted weight -> its learning rate at each inner step, at the best epoch."""
SCHEDULES_FILE = "schedules.json"
"""Schedules planned by the config: curve name -> value at each epoch from 1."""
INNER_RATES_PICTURE = "inner_rates.svg"
RESULT_FILES = (PER_TASK_FILE, SCHEDULES_FILE, INNER_RATES_FILE)
"""Artifacts that every complete run has."""
SPEC_FILE = "spec.toml"
FACTS_FILE = "study_facts.json"
"""Artifact of the parent run: JSON object of the study's facts by tag name (`reports.data.facts`)."""
REPORT_FOLDER = "report"

SINGLE = "single"
ENSEMBLE = "ensemble"

# Curves that are not metrics. The first goes over inner steps, the others over epochs; all count from 1.
INNER_RATE = "inner_rate/"
"""Followed by the name of the weight."""
MSL_WEIGHT = "msl_weight/step "
"""Followed by the number of the inner step."""
SECOND_ORDER = "second_order"
"""1 where an epoch's meta-gradients are second-order, else 0."""


MAMLPP_PAIRING = "initial weights, tasks"
"""What MAML++ trainings with equal seeds share."""


class ReportError(InputError):
    """A report that cannot be made; the message gives the remedy."""


@dataclass(frozen=True)
class RunRecord:
    """One training as a row.

    `curves` maps a metric to its (epoch, value) pairs in the order of epochs; `per_task` maps "single", "ensemble"
    and the audit's names ("batch.top1") to the test accuracies in [0, 1], one a task, or is empty. Times are Unix
    seconds. A metric that was never logged is absent, which is not the same as NaN. Empty tags and params count
    as absent.
    """

    run_id: str
    experiment_id: str
    study: str
    kind: str
    name: str
    arm: str | None
    seed: int | None
    trial: int | None
    state: str
    fingerprint: str
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    per_task: Mapping[str, Sequence[float]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    started_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True)
class StudyInfo:
    """Facts about a whole study.

    `families` hold the comparisons. `searched` are the dotted names that a search varied; `space` is the distribution
    each was drawn from: {"low", "high"}, whole numbers if both are, with "log" or "step", or {"choices"}; `base` are
    the base config's settings, as texts; both are empty in older records. `mlflow_address` is the URL of the MLflow UI;
    without it the report has no links.
    """

    name: str
    kind: str
    experiment_id: str = ""
    families: tuple[Family, ...] = ()
    factorial: Factorial | None = None
    sweep: Sweep | None = None
    across: Across | None = None
    searched: tuple[str, ...] = ()
    space: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    base: Mapping[str, str] = field(default_factory=dict)
    score: str = "mean"
    """Score that ranks trials of several seeds: "mean", or "lower_bound" of the one-sided 95 % t interval."""
    finalists: int = 0
    """Of a search: how many of its best complete trials are ranked by their held-out accuracy."""
    test: str = "max_t"
    adjust: str = "family"
    """Of an ablation: "moderated" or "max_t"; whether p is adjusted within each "family" or over the "study"."""
    trained_by: str = ""
    """The trainer, in the form of `TAG_TRAINED_BY`; empty for the built-in MAML++ trainer."""
    measured: Metric = ACCURACY
    """What runs are measured by; the names of their metrics follow from its name."""
    metric: Metric | None = None
    """Primary metric of an ablation. None: `measured`'s, on test data, or if no run was tested on validation data."""
    source: str = ""
    """Source of results that mamlab did not train: a file with its checksum, or an experiment."""
    pairing: str = MAMLPP_PAIRING
    """What runs of equal seeds share, comma-separated; empty if unknown."""
    looks: tuple[int, ...] = ()
    """Of an ablation: the numbers of seeds at which it is judged, if it declares several."""
    margin: float | None = None
    """Of an ablation: differences below this many percentage points do not matter."""
    shown: tuple[RecordedLook, ...] = ()
    """Looks taken so far in order, including that of this report."""
    origin: Origin | None = None
    fresh: tuple[FreshSeeds, ...] = ()
    """Of a search: its trials in the studies that follow from it."""
    mlflow_address: str | None = None
    description: str = ""
    """Of a report merged from several: which, and how far apart trainings ended that several of them have."""
    spec: str = ""
    """Text of the spec file of the last start."""
    paper: str = ""
    """Name of the published table to compare with, of `reports.tables.paper`; empty for none."""
    missing: str = ""
    """Which ended runs are missing in MLflow, and how to restore them; empty if none is."""
    notes: tuple[str, ...] = ()
    """Notes on the store that it was read from: sentences, not kept in exported files."""

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> StudyInfo:
        """Return a `StudyInfo` from its JSON form; keys of other versions are ignored.

        Raises TypeError, ValueError, KeyError or AttributeError for another form.
        """
        known = {field.name for field in fields(cls)}
        origin, metric, measured = (tree.get(name) for name in ("origin", "metric", "measured"))
        return cls(
            **{key: value for key, value in tree.items() if key in known}
            | designs_of(tree)
            | {
                "searched": tuple(tree.get("searched", ())),
                "space": {name: dict(dimension) for name, dimension in tree.get("space", {}).items()},
                "origin": origin and origin_of(origin),
                "metric": metric and Metric(**metric),
                "measured": Metric(**measured) if measured else ACCURACY,
                "fresh": tuple(fresh_of(one) for one in tree.get("fresh", ())),
                "looks": tuple(int(look) for look in tree.get("looks", ())),
                "shown": tuple(recorded_look(one) for one in tree.get("shown", ())),
            }
        )
