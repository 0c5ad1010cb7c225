"""The homes that the table of commands and faults works on: an earlier version's studies, and files of others
everywhere in it.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.homes import unpack

MADE_AT = "/srv/mamlab"
PLACES = {"experiments": "artifact_location", "runs": "artifact_uri", "logged_models": "artifact_location"}
FOREIGN = (
    "notes.txt", "reports/photo.pdf", "reports/theirs/index.html", "logs/theirs.log", "artifacts/theirs/notes.txt",
    "checkpoints/theirs.txt", "specs/theirs.toml", "data/theirs/picture.png", "locks/theirs.txt", "journal/theirs.txt",
)  # fmt: skip
"""Files of others in the home."""
OTHER_CELLS = (("inner.steps = 2", "inner.steps = 3"),)
"""A change by which nothing of a spec was trained in the home."""
FILES = {"index.html": "theirs", "config.json": "{}", "runs.csv": "a,b\n1,2\n", "figures/photo.pdf": "theirs"}
"""A folder of somebody else's that looks like a report and like a model."""


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    status: int
    text: str


@dataclass(frozen=True)
class Place:
    """A folder with spec files, pictures and a home, in which commands are given."""

    folder: Path
    home: Path

    def copy(self, folder: Path) -> Place:
        """Return a copy whose stores call `folder` their home, as if it had been made there."""
        shutil.copytree(self.folder, folder)
        place = Place(folder, folder / "runs")
        name_places(place, str(self.folder))
        return place

    def complete(self) -> int:
        """Return how many runs MLflow shows as complete."""
        if not (self.home / "mlflow.db").exists():
            return 0
        with closing(sqlite3.connect(self.home / "mlflow.db")) as database:
            return int(
                database.execute(
                    "SELECT count(*) FROM runs JOIN tags USING (run_uuid) WHERE lifecycle_stage = 'active' "
                    "AND tags.key = 'mamlab.state' AND tags.value = 'complete' AND run_uuid IN "
                    "(SELECT run_uuid FROM tags WHERE key = 'role' AND value = 'run')"
                ).fetchone()[0]
            )


def name_places(place: Place, old: str) -> None:
    """Write into MLflow's store that the home, made in `old`, is where it is."""
    with closing(sqlite3.connect(place.home / "mlflow.db")) as database:
        for table, column in PLACES.items():
            database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (old, str(place.folder)))
        database.commit()


def settled(folder: Path) -> Place:
    """Return the earlier version's home where it says that it is, with files of others."""
    made = unpack(folder)
    place = Place(made, made / "runs")
    name_places(place, MADE_AT)
    write_small_specs(place)
    for name in FOREIGN:
        (place.home / name).parent.mkdir(parents=True, exist_ok=True)
        (place.home / name).write_text("theirs")
    return place


def theirs(folder: Path) -> None:
    """Make a folder of somebody else's."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def contents(folder: Path) -> dict[str, bytes]:
    """Return each file's bytes, by its path; a link's goal is its content."""
    return {
        str(path.relative_to(folder)): str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def write_small_specs(place: Place) -> None:
    """Write specs of studies that the home has not: a few trainings of two epochs each."""
    ablation, search = ((place.folder / f"{name}.toml").read_text() for name in ("ablation", "search"))
    for old, new in (('"ab"', '"few"'), ('["MSL", "LSLR"]', '["MSL"]'), ("seeds = 3", "seeds = 2"), *OTHER_CELLS):
        ablation = _replaced(ablation, old, new)
    for old, new in (('"se"', '"find"'), ("trials = 10", "trials = 3"), *OTHER_CELLS):
        search = _replaced(search, old, new)
    head, _, rest = ablation.partition("[ablation]")
    single = _replaced(head, '"few"', '"one"') + rest[rest.index("[execution]") :]
    for name, text in {"few": ablation, "find": search, "one": single}.items():
        (place.folder / f"{name}.toml").write_text(text)


def _replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)
