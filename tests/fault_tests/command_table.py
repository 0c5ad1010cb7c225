"""The commands of the table, and what each says when nothing is wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """What is typed (but --home), and what the answer has when nothing is wrong."""

    args: tuple[str, ...]
    right: str
    study: str = ""
    """The study that it trains."""
    writes: str = ""
    """The folder or file that the user or the command names, in which somebody else's lies."""
    kill_within: float = 3.0
    """Seconds after the imports in which it is killed."""


def command(typed: str, right: str, study: str = "", writes: str = "", kill_within: float = 3.0) -> Command:
    """Return the command that is typed so."""
    return Command(tuple(typed.split()), right, study, writes, kill_within)


READERS = {
    "status": command("status", r"ab ablation 9 of 9 runs 9 complete"),
    "status ab": command("status ab", r"9 complete .*driver none: not running"),
    "report": command("report ab", r"Report: .*/reports/ab/index\.html"),
    "verify": command(
        "verify ab", r"every (table|accuracy on its page) follows from its 9 runs; .*the results agree with MLflow"
    ),
    "doctor": command("doctor ab", r"ab: no problem found; both databases, the checkpoints and the journal agree"),
    "export": command("export ab model --arm MAML++", r"Accuracy: \d.*MLflow: "),
    "plan": command("plan ablation.toml", r"3 arms x 3 seeds = 9, 9 of them already trained in this home"),
    "plan --from": command(
        "plan ablation.toml --from runs/reports/ab", r"7\.22 points, from the report in runs/reports/ab"
    ),
    "promote": command("promote se --best 1 --seeds 1", r"se-promoted: 2 of 2 runs \| 2 complete", "se-promoted"),
    "ablate --from": command("ablate --from se --seeds 1", r"se-ablated: (\d+) of \1 runs", "se-ablated"),
    "clean": command("clean", r"Nothing to clean: every file is still used by a study"),
    "space check": command("space check search.toml", r"se: all 200 random configs can be trained"),
    "ui": command("ui --port PORT", r"Ctrl-C stops.*Stopped"),
    "ablate": command("ablate ablation.toml", r"ab: 9 of 9 runs \| 9 complete"),
    "search": command("search search.toml", r"se: 10 of 10 runs \| 9 complete, 1 pruned"),
}
"""Commands that read what is there; the last two have nothing left to train."""

WRITERS = {
    "report": command("report ab", r"Report: .*/reports/ab/index\.html", writes="runs/reports/ab"),
    "report --out": command("report ab --out paper", r"Report: paper/index\.html", writes="paper"),
    "report --from --out": command(
        "report --from runs/reports/ab --out paper", r"Report: paper/index\.html", writes="paper"
    ),
    "export": command("export ab model --arm MAML++", r"Accuracy: \d.*MLflow: ", writes="model"),
    "promote": READERS["promote"],
    "ablate --from": READERS["ablate --from"],
    "ablate": command("ablate few.toml", r"few: 4 of 4 runs \| 4 complete", "few"),
    "search": command("search find.toml", r"find: 3 of 3 runs", "find"),
    "train": command("train one.toml", r"one: 1 of 1 runs? \| 1 complete", "one"),
    "first start": command("train one.toml", r"one: 1 of 1 runs? \| 1 complete", "one", kill_within=8.0),
    "doctor --fix": command("doctor ab --fix", r"ab: .*agree|\d fixed, 0 left"),
    "clean --yes": command("clean --yes", r"Nothing to clean|deleted\."),
    "data": command("data glyphs", r"glyphs"),
}

Cell = tuple[int, str]
"""Exit status and what the answer has; no pattern stands for the command's own, when nothing is wrong."""
RIGHT: Cell = (0, "")
HOME_ONLY = "cannot happen: it reads nothing of that"

GONE_TEXT = "1 ended run is missing in MLflow.*To restore: mamlab doctor (?:ab|se) --fix"
GONE_RUN = (1, GONE_TEXT)
STALE_PLACES = (1, r"stored locations name .*To fix: mamlab doctor ab --fix")
NO_MLFLOW = (2, r"error: there are no runs yet in|error: .*mlflow\.db")
NO_OPTUNA = (0, r"cannot tell whether runs are missing: \S+/optuna\.db does not exist")
NO_DATA = (2, r"error: .*\S*pics")
NO_ARTIFACT = (2, r"error: .*no per_task\.json")

WHEN: dict[str, dict[str, Cell | str]] = {
    "home moved": {"plan --from": (2, r"error: .*runs/reports/ab"), "doctor": STALE_PLACES},
    "home copied": {"doctor": STALE_PLACES},
    "experiment renamed": {"space check": HOME_ONLY, "plan": HOME_ONLY, "plan --from": HOME_ONLY},
    "run deleted": {
        **{name: (0, rf"note: {GONE_TEXT}.*{READERS[name].right}") for name in ("export", "promote", "ablate --from")},
        **dict.fromkeys(("status", "status ab", "report", "verify"), GONE_RUN),
        "doctor": (1, r"MAML\+\+ / seed 1: ended in Optuna, but its run is deleted in MLflow"),
        "ablate": (1, r"Incomplete: 1 ended run .*To restore: mamlab doctor ab --fix"),
        "search": (1, r"Incomplete: 1 ended run .*To restore: mamlab doctor se --fix"),
        "space check": HOME_ONLY,
        "plan --from": HOME_ONLY,
    },
    "mlflow.db missing": {
        **dict.fromkeys(READERS, NO_MLFLOW),
        "ablate": (0, r"ab: 9 of 9 runs \| 9 complete .*9 ended runs were missing in MLflow: restored"),
        "search": (0, r"9 complete, 1 pruned .*10 ended runs were missing in MLflow: restored"),
        "verify": (0, r"follows from its 9 runs; .*the results were not compared with MLflow"),
        "space check": HOME_ONLY,
        "plan": RIGHT,
        "plan --from": RIGHT,
    },
    "optuna.db missing": {
        "report": NO_OPTUNA,
        "doctor": (1, r"Optuna's database has no study of this name; the next start rebuilds the trials"),
        "ablate": (0, r"ab: 9 of 9 runs \| 9 complete .*rebuilt from MLflow's 9 runs"),
        "search": (0, r"9 complete, 1 pruned .*rebuilt from MLflow's 10 runs"),
        "space check": HOME_ONLY,
        "plan --from": RIGHT,
    },
    "checkpoints missing": {
        "doctor": (1, r"checkpoint"),
        "export": (2, r"error: .*checkpoint"),
        "space check": HOME_ONLY,
        "status": HOME_ONLY,
    },
    "artifact missing": {
        **dict.fromkeys(("report", "export", "ablate"), NO_ARTIFACT),
        "verify": (1, r"no per_task\.json"),
        "doctor": (1, r"per_task"),
        "space check": HOME_ONLY,
        "status": HOME_ONLY,
    },
    "report's file missing": {
        "verify": (2, r"error: .*runs\.csv"),
        "plan --from": (2, r"error: .*runs\.csv"),
        "space check": HOME_ONLY,
        "status": HOME_ONLY,
    },
    "data missing": {
        **dict.fromkeys(("plan", "plan --from", "export", "promote", "ablate --from", "ablate", "search"), NO_DATA),
        "space check": HOME_ONLY,
        "status": HOME_ONLY,
    },
}
"""What happens in each cell; where there is nothing, the command says what it says when nothing is wrong."""

READ_ONLY: dict[str, Cell] = {
    "report": (2, r"error: .*Read-only file system"),
    "export": (0, r"MLflow: not logged, because the home is not writable"),
    "promote": (2, r"error: .*Read-only file system"),
    "ablate --from": (2, r"error: .*Read-only file system"),
    "ablate": (2, r"error: .*Read-only file system"),
    "search": (2, r"error: .*Read-only file system"),
}
NO_SPACE = r"error: .*(No space left on device|database or disk is full)"
STORE_FULL = r"error: \S+ store \S+/runs/\w+\.db cannot be written, because the disk of \S+/runs is full"
GOES_ON = (
    r"(cannot be written, because the disk of \S+ is full|No space left on device).*([Tt]he home is writable|[Bb]oth"
    r" stores answer|[Bb]oth databases are reachable) again.*\d+ of \d+ runs?"
)
FULL: dict[str, tuple[str, int, int, str] | str] = {
    "report": ("runs/reports/ab", 40, 2, NO_SPACE),
    "report --out": ("paper", 40, 2, NO_SPACE),
    "report --from --out": ("paper", 40, 2, NO_SPACE),
    "export": ("model", 8, 2, NO_SPACE),
    "promote": ("runs", 100, 0, GOES_ON),
    "ablate --from": ("runs", 100, 0, GOES_ON),
    "ablate": ("runs", 100, 0, GOES_ON),
    "search": ("runs", 100, 0, GOES_ON),
    "train": ("runs", 100, 0, GOES_ON),
    "first start": ("runs", 100, 2, STORE_FULL),
    "doctor --fix": ("runs", 0, 2, STORE_FULL),
    "clean --yes": ("runs", 0, 2, STORE_FULL),
    "data": ("runs/data", 4, 2, NO_SPACE),
}
"""The folder whose disk is full, but for so many kB; the answer's status and text. When there is room, all goes
through.
"""
OTHERS = r"error: \S+ is not empty \(\S+\), and mamlab did not make it, so nothing is written there"
NOT_THEIRS = (
    ("report", "folder", "runs/reports/ab", 0, ""),
    ("report --out", "folder", "paper", 2, OTHERS),
    ("report --out", "file", "paper", 2, "error: .*paper"),
    ("report --from --out", "folder", "paper", 2, OTHERS),
    ("export", "folder", "model", 2, OTHERS),
    ("export", "file", "model", 2, "error: .*model"),
    ("promote", "file", "runs/specs/se-promoted.toml", 2, r"error: .*se-promoted\.toml"),
    ("promote", "file", "runs/specs", 2, "error: .*specs"),
    ("ablate --from", "file", "runs/specs/se-ablated.toml", 2, r"error: .*se-ablated\.toml"),
    ("ablate", "file", "runs", 2, "error: .*runs is a file"),
    ("ablate", "file", "runs/mlflow.db", 2, r"error: .*mlflow\.db"),
    ("ablate", "folder", "runs/reports/few", 0, ""),
    ("search", "file", "runs/optuna.db", 2, r"error: .*optuna\.db"),
    ("train", "file", "runs/checkpoints", 2, "error: .*checkpoints"),
    ("first start", "file", "runs/mlflow.db", 2, r"error: .*mlflow\.db"),
    ("first start", "folder", "runs", 0, ""),
    ("doctor --fix", "file", "runs/mlflow.db", 2, r"error: .*mlflow\.db"),
    ("clean --yes", "file", "runs/optuna.db", 2, r"error: .*optuna\.db"),
    ("data", "file", "runs/data", 2, "error: .*data"),
    ("data", "file", "runs/data/glyphs.png", 2, r"error: .*glyphs\.png"),
)
"""A command, what of somebody else's lies where it writes, and the answer."""
