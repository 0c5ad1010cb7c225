"""`mamlab export`: exports a run as a classifier with a model card, to a folder and to MLflow."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from reports import records as names
from reports import summary_runs as shown
from reports.data.manifest import MODEL
from reports.data.output_folder import Contents, refuse_foreign, writing_into
from reports.records import RunRecord, StudyInfo
from reports.statistics.estimate import Estimate, accuracy_estimate
from reports.statistics.summary import best_validation, summarise_search
from reports.text import interval, measured
from trainers.checkpoint import CheckpointFolder, State
from trainers.config import TrainerConfig
from trainers.data.classes import ClassData
from trainers.data.config import PLACES
from trainers.data.preparation import preparation
from trainers.errors import InputError
from trainers.exported import CONFIG_FILE, WEIGHTS_FILE, ExportedModel, is_export
from trainers.known_method import MAMLPP
from trainers.training_run import TrainingRun

from ..results import load, warnings
from ..spec.config import StudyConfig
from ..spec.same_data import checksum_of, recorded_path, with_same_data
from ..spec.trained_by import refuse_other_trainer
from ..spec.writing import retraining_spec, stored_spec
from ..stores.connect import open_mlflow
from ..stores.home import Home
from ..stores.urls import redact
from ..text import print_notes, say
from .model_card import CARD_HEAD, model_card, told_apart
from .model_logging import log_model

CARD_FILE = "README.md"


class ExportError(InputError):
    """The run cannot be exported; the message says what to do."""


@dataclass(frozen=True)
class RunChoice:
    """The run to export; None: choose by validation accuracy."""

    arm: str | None = None
    trial: int | None = None
    seed: int | None = None


def export(
    study: str, folder: Path, home: Home, console: Console, wanted: RunChoice, data_folder: Path | None = None
) -> None:
    """Write the model of a run into `folder`, log it to the run in MLflow, and print where it is and what it reaches.

    `data_folder` is where the study's data lies, if that moved.

    Raises ExportError, ReportError for a study that is not there or a folder that cannot take it, DataError.
    """
    info, records = load(study, home)
    print_notes(console, warnings(info))
    refuse_other_trainer(info.name, info.trained_by, "export")
    contents = Contents(MODEL, info.name, _earlier_study, _earlier_files)
    refuse_foreign(folder, contents)
    record = choose(info, records, wanted)
    client = open_mlflow(home)
    recorded = recorded_path(client, info.experiment_id)
    spec, data = with_same_data(
        stored_spec(info.spec, info.name), checksum_of([record]), home, recorded=recorded, given=data_folder
    )
    config, state = MAMLPP.from_settings(record.params), _state(home, spec, record)
    scores = _scores(config, record, data, state, console)
    model = build(spec, config, record, data, state, scores)
    card = model_card(model)
    with writing_into(folder, contents) as place:
        model.write(place)
        (place / CARD_FILE).write_text(card, encoding="utf-8")
    _say(console, model, folder, scores)
    if home.stores is not None:
        say(console, "MLflow:   not logged, because the home is not writable")
        return
    named = f"{record.study} {told_apart(model.about)}"
    uri = log_model(client, folder, record, named, card, metrics_of(scores, model.about["validation_accuracy"]))
    say(console, f"MLflow:   {uri}")
    say(console, f"Serve:    {serve_command(home.mlflow_url, uri)}")


def serve_command(store: str, uri: str) -> str:
    """Return the shell command that serves the model `uri` of an MLflow store, without the store's password."""
    serve = shlex.join(["mlflow", "models", "serve", "-m", uri, "--env-manager", "local", "-p", "5002"])
    return f"MLFLOW_TRACKING_URI={shlex.quote(redact(store))} {serve}"


def _earlier_study(folder: Path) -> str | None:
    """Return the study of a model exported before manifests existed; None if the folder has none."""
    if not is_export(folder):
        return None
    about = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")).get("about", {})
    return str(about["study"]) if "study" in about else None


def _earlier_files(folder: Path, names: Collection[str]) -> list[str]:
    """Return the files of such an export; a card with another beginning is the user's own."""
    card = folder / CARD_FILE
    ours = card.is_file() and card.read_text(encoding="utf-8", errors="replace").startswith(CARD_HEAD)
    return [WEIGHTS_FILE, CONFIG_FILE, *([CARD_FILE] if ours else [])]


def choose(info: StudyInfo, records: Sequence[RunRecord], wanted: RunChoice) -> RunRecord:
    """Return the run to export: of a search's best trial, of the named arm, or the one training.

    Where several seeds are left, the one with the highest validation accuracy; never by what was tested. Raises
    ExportError.
    """
    complete = [record for record in records if record.state == names.COMPLETE]
    if not complete:
        raise ExportError(
            f'study "{info.name}" has no complete run yet, so there is no model; see:'
            f" {shlex.join(['mamlab', 'status', info.name])}"
        )
    candidates = _of_kind(info, records, complete, wanted)
    if wanted.seed is not None:
        there = sorted({record.seed for record in candidates if record.seed is not None})
        candidates = [record for record in candidates if record.seed == wanted.seed]
        if not candidates:
            raise ExportError(f"--seed {wanted.seed}: not among the complete runs; there are seeds {_listed(there)}")
    return max(candidates, key=lambda record: (best_validation(record) or 0.0, -(record.seed or 0)))


def _of_kind(
    info: StudyInfo, records: Sequence[RunRecord], complete: Sequence[RunRecord], wanted: RunChoice
) -> list[RunRecord]:
    for option, value, kind in (("--arm", wanted.arm, names.ABLATION), ("--trial", wanted.trial, names.SEARCH)):
        if value is not None and info.kind != kind:
            raise ExportError(f'{option}: "{info.name}" is {called(info.kind)}, which has none; leave it out')
    if info.kind == names.SEARCH:
        trials = {trial.number: trial for trial in summarise_search(records, info).complete}
        if not trials:
            raise ExportError(f'no trial of "{info.name}" is complete in all of its seeds; run the search again')
        number = next(iter(trials)) if wanted.trial is None else wanted.trial
        if number not in trials:
            raise ExportError(
                f"--trial {number}: no complete trial; there are {_listed([n for n in trials if n is not None])}"
            )
        return list(trials[number].records)
    if info.kind == names.ABLATION:
        arms = list(dict.fromkeys(record.arm or "" for record in complete))
        if wanted.arm not in arms:
            which = "name one with --arm" if wanted.arm is None else f'--arm "{wanted.arm}": no complete run'
            raise ExportError(f'{which}; the arms of "{info.name}" are: {", ".join(arms)}')
        return [record for record in complete if record.arm == wanted.arm]
    return list(complete)


def _state(home: Home, spec: StudyConfig, record: RunRecord) -> State:
    """Return the final state of the run's training. Raises ExportError, with the way to train it again, if it is
    gone.
    """
    folder = CheckpointFolder(home.checkpoints / record.fingerprint)
    state = folder.peek() if folder.finished else None
    if state is not None and state["best"]:
        return state
    assert record.seed is not None
    name = f"{record.study[:40]}-run{record.trial or 0:03d}-seed{record.seed}"
    file = retraining_spec(home, spec, MAMLPP.from_settings(record.params), record.seed, name)
    raise ExportError(
        f'the weights of "{record.name}" are gone ({folder.path} has no final.ckpt: [execution] keep = "none", or'
        " deleted); "
        f"train it again with: {home.command('train', str(file))}, then: {home.command('export', name, 'DIR')}"
    )


def _scores(
    config: TrainerConfig, record: RunRecord, data: ClassData, state: State, console: Console
) -> dict[str, Estimate]:
    """Return the accuracy of the best epoch's weights on the test tasks, with either way to normalise queries.

    What the run has measured is taken; a search's run was never tested, and is now.
    """
    assert record.seed is not None
    audit = dict(state["tested"].get("audit", {}))
    if "running.top1" not in audit:
        say(console, f"Testing on {config.evaluation.test_tasks} tasks ...")
        run = TrainingRun(config, record.seed, data)
        run.restore({**state, "best": state["best"][:1], "tested": {}})
        audit = run.result(test=True).audit
    return {norm_mode: accuracy_estimate(list(audit[f"{norm_mode}.top1"])) for norm_mode in ("running", "batch")}


def build(
    spec: StudyConfig,
    config: TrainerConfig,
    record: RunRecord,
    data: ClassData,
    state: State,
    scores: dict[str, Estimate],
) -> ExportedModel:
    """Return the best epoch of a run as a model, with what its card says about it."""
    best = state["best"][0]
    versions: dict[str, str] = {}
    with suppress(ValueError):
        versions = json.loads(record.tags.get(names.TAG_VERSIONS, "{}"))
    about = {
        "study": record.study,
        "kind": record.kind,
        "run": record.name,
        "run_id": record.run_id,
        "cell": record.fingerprint,
        "arm": record.arm,
        "trial": record.trial,
        "seed": record.seed,
        "epoch": best["epoch"],
        "validation_accuracy": best["val_accuracy"],
        "test_accuracy": {norm_mode: vars(found) for norm_mode, found in scores.items()},
        "data": {
            "name": data.name,
            "checksum": data.checksum,
            "settings": spec.data.model_dump(mode="json", exclude=set(PLACES)),
            "classes": {split: len(classes) for split, classes in data.splits.items()},
        },
        "git_commit": record.tags.get(names.TAG_GIT_COMMIT),
        "versions": versions,
    }
    return ExportedModel(config, preparation(spec.data, data), best["weights"], best["statistics"], about)


def metrics_of(scores: Mapping[str, Estimate], validation: float) -> dict[str, float]:
    """Return what MLflow shows of a model, in percent: `acc` and its interval, for each way to normalise queries."""
    found = {"val_acc": validation}
    for norm_mode, one in scores.items():
        ends = {shown.MEAN: one.mean, shown.LOW: one.low, shown.HIGH: one.high}
        found |= {f"{name}_{norm_mode}": value for name, value in ends.items() if value is not None}
    return {name: round(100 * value, 2) for name, value in found.items()}


def _say(console: Console, model: ExportedModel, folder: Path, scores: dict[str, Estimate]) -> None:
    about = model.about
    seen = f"{told_apart(about)}, epoch {about['epoch']} of {model.config.budget.epochs}"
    tested = ", ".join(f"{measured(found.mean)} {interval(found)} ({norm_mode})" for norm_mode, found in scores.items())
    lines = (
        f"Model:    {folder}, of {about['study']}: {seen}",
        (
            f"Accuracy: {tested}; {scores['running'].n} test tasks, queries normalised by running statistics or by"
            " their batch"
        ),
        f"Card:     {folder / CARD_FILE}",
    )
    for line in lines:
        say(console, line)


def called(kind: str) -> str:
    """Return the kind of study for use in a sentence."""
    return {names.SEARCH: "a search", names.ABLATION: "an ablation"}.get(kind, "one training")


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
