"""Errors that a user can mend; everything else that is raised is a fault of mamlab's, and keeps its traceback."""


class MamlabError(Exception):
    """What is wrong, and the way out, in words for the user: the base of every such error in mamlab."""


class InputError(MamlabError, ValueError):
    """A setting, an argument or a file is wrong; the message names it, the rule, the value and the way out."""


class NotFinite(ArithmeticError):
    """A training has diverged: that is its result, and no retry changes it."""
