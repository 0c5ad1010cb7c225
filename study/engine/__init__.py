"""The engine: a spec in, both stores written by one process that asks, dispatches, reports and tells."""
