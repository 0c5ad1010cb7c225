"""The composition root: a spec file becomes trials, runs, books and reports."""
