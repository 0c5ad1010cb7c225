"""Studies: run a spec file as trials and runs, store them, and report the results."""

from .name_conflicts import refuse_hidden

refuse_hidden()
