"""The command line: each file has a group of commands, or prints their output."""

from .main import main, run

__all__ = ["main", "run"]
