"""The composition root: a spec file becomes trials, runs, stores and reports."""
