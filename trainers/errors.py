"""Errors that users can fix; all other exceptions are bugs in mamlab and keep their traceback."""


class MamlabError(Exception):
    """Base of all errors that users can fix; the message states the problem and the remedy."""


class InputError(MamlabError, ValueError):
    """A setting, an argument or a file is wrong; the message names it, the rule, the value and the remedy."""


class TooLarge(InputError, MemoryError):
    """A model or a training does not fit into memory: a start with other settings may."""


class NotFinite(ArithmeticError):
    """A training has diverged: that is its result, and no retry changes it."""
