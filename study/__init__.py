"""The composition root: a spec file becomes trials, runs, stores and reports."""

from .hiding import refuse_hidden

refuse_hidden()
