"""Studies: from a spec file to trials, runs, databases and reports."""

from .hiding import refuse_hidden

refuse_hidden()
