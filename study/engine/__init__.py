"""The engine: one process, the driver, runs the study of a spec and is the only writer of its stores."""
