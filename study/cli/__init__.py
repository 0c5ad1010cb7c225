"""The command line: each file holds a group of commands, or what they print."""

from .main import main, run

__all__ = ["main", "run"]
