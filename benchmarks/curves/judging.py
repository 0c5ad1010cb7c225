"""Scores every epoch of a training on validation tasks that no search uses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from search_spaces.trials import FixedParams
from study.spec.config import StudyConfig
from study.stores.connect import open_trials
from study.stores.home import Home
from trainers.arithmetic import arithmetic
from trainers.checkpoint import CheckpointFolder
from trainers.config import TrainerConfig
from trainers.data.classes import ClassData
from trainers.data.episodes import EpisodeStream
from trainers.evaluation import Snapshot, evaluate
from trainers.training_run import TrainingRun

TASKS, QUERIES = 40, 5
"""Queries per class in the judging set. Its tasks follow those that a search uses in the same random stream."""


def judged_file(config: StudyConfig, home: Home) -> Path:
    """Return the file with a study's scores, one line per trial."""
    return home.root / f"{config.study.name}.judged.jsonl"


def judged(config: StudyConfig, home: Home) -> dict[int, list[float]]:
    """Return the accuracies of each epoch, in [0, 1], by trial, for the trials that have been scored."""
    file = judged_file(config, home)
    lines = file.read_text().splitlines() if file.exists() else []
    return {entry["trial"]: entry["judged"] for entry in map(json.loads, lines)}


def judge_all(config: StudyConfig, home: Home, data: ClassData, stop: Callable[[], bool]) -> None:
    """Score the finished trials that have no scores yet, then remove their checkpoints."""
    known = judged(config, home)
    for trial in open_trials(home, config.study.name)[0]:
        if trial.number in known or not trial.state.is_finished() or stop():
            continue
        assert config.space is not None
        trained, _ = config.space.suggest(FixedParams(trial.params), config.base_tree)
        fingerprint = config.fingerprint(trained, config.seeds[0], data.checksum)
        folder = CheckpointFolder(home.checkpoints / fingerprint, keep_all=True)
        scores = judge(trained, config.seeds[0], data, folder)
        with judged_file(config, home).open("a") as file:
            file.write(json.dumps({"trial": trial.number, "judged": scores}) + "\n")
        folder.remove()


def judge(config: TrainerConfig, seed: int, data: ClassData, folder: CheckpointFolder) -> list[float]:
    """Return the accuracy of each epoch that has a checkpoint in `folder`, in order."""
    run = TrainingRun(config, seed, data)
    episodes = config.episodes.model_copy(update={"queries": QUERIES})
    stream = EpisodeStream(data, "val", episodes, seed)
    with arithmetic(config):
        return [_score(run, Snapshot(0, 0.0, s["weights"], s["statistics"]), stream) for s in folder.every_epoch()]


def _score(run: TrainingRun, candidate: Snapshot, stream: EpisodeStream) -> float:
    seen = run.config.evaluation.val_tasks
    found = evaluate(run.learner, [candidate], stream, TASKS, run.evaluated_at_once, first=seen)
    return found[run.config.norm.queries][0].mean_accuracy
