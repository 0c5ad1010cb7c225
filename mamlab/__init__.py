"""Hyperparameter search and ablations for MAML++: `import mamlab`, or `python -m mamlab` for the command line.

    result = mamlab.run("search.toml", workers=2)
    result.best_config, result.trials, result.report()

Names are imported on first use: importing this module loads neither torch nor Optuna nor MLflow.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.metric import Metric
    from search_spaces import Choice, Range, SearchSpace
    from study.python.comparing import compare
    from study.python.configs import load_data, preset
    from study.python.result import Result
    from study.python.result import open_study as open
    from study.python.running import StudyPaused, ablate, run, search
    from study.python.training import train
    from study.spec.config import SpecError, StudyConfig
    from study.spec.from_python import study_config
    from study.spec.parsing import load_spec
    from trainers import Diverged, MAMLClassifier, TrainerConfig
    from trainers.data import CifarFS, DataError, Glyphs, ImageFolder, Omniglot
    from trainers.errors import MamlabError
    from trainers.method import Checkpoint, Epoch, Outcome
    from trainers.sections import Section as Settings

    __version__: str

_HOME = {
    "study.python.comparing": ("compare",),
    "study.python.running": ("StudyPaused", "ablate", "run", "search"),
    "study.python.training": ("train",),
    "reports.metric": ("Metric",),
    "study.python.result": ("Result", "open"),
    "study.python.configs": ("load_data", "preset"),
    "study.spec.config": ("SpecError", "StudyConfig"),
    "study.spec.parsing": ("load_spec",),
    "study.spec.from_python": ("study_config",),
    "search_spaces": ("Choice", "Range", "SearchSpace"),
    "trainers": ("Diverged", "MAMLClassifier", "TrainerConfig"),
    "trainers.errors": ("MamlabError",),
    "trainers.method": ("Checkpoint", "Epoch", "Outcome"),
    "trainers.sections": ("Settings",),
    "trainers.data": ("CifarFS", "DataError", "Glyphs", "ImageFolder", "Omniglot"),
}
_CALLED_THERE = {"open": "open_study", "Settings": "Section"}

__all__ = [
    "Checkpoint",
    "Choice",
    "CifarFS",
    "DataError",
    "Diverged",
    "Epoch",
    "Glyphs",
    "ImageFolder",
    "MAMLClassifier",
    "MamlabError",
    "Metric",
    "Omniglot",
    "Outcome",
    "Range",
    "Result",
    "SearchSpace",
    "Settings",
    "SpecError",
    "StudyConfig",
    "StudyPaused",
    "TrainerConfig",
    "ablate",
    "compare",
    "load_data",
    "load_spec",
    "open",
    "preset",
    "run",
    "search",
    "study_config",
    "train",
]


if not TYPE_CHECKING:  # else any name would be one

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            return _version()
        home = next((module for module, names in _HOME.items() if name in names), None)
        if home is None:
            raise AttributeError(f"module 'mamlab' has no attribute {name!r}")
        refuse_hidden()
        found = getattr(import_module(home), _CALLED_THERE.get(name, name))
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__", *(name for name in globals() if name.startswith("__"))})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mamlab")
    except PackageNotFoundError:  # run from its source
        return "0+source"


def refuse_hidden() -> None:
    """Raise ImportError if another file would be imported instead of one of mamlab's packages, `study`
    perhaps.
    """
    file = Path(__file__).parents[1] / "study" / "name_conflicts.py"
    spec = spec_from_file_location("_mamlab_name_conflicts", file)
    assert spec is not None
    assert spec.loader is not None
    conflicts = module_from_spec(spec)
    spec.loader.exec_module(conflicts)
    conflicts.refuse_hidden()
