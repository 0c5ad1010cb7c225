"""MLflow tags with the source of a run: user, commit, package versions."""

from __future__ import annotations

import getpass
import json
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from reports import records

from ..commit import source_commit

PACKAGES = ("mamlab", "torch", "torchvision", "numpy", "optuna", "mlflow")


def source_tags() -> dict[str, str]:
    """Return the tags; user name and commit are left out if unknown."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    tags = {"mlflow.source.name": "mamlab", "mlflow.source.type": "LOCAL", records.TAG_VERSIONS: json.dumps(versions)}
    with suppress(OSError, KeyError, ImportError):  # a container's user may have no name
        tags["mlflow.user"] = getpass.getuser()
    if commit := source_commit():
        tags |= {records.TAG_GIT_COMMIT: commit, "mlflow.source.git.commit": commit}
    return tags
