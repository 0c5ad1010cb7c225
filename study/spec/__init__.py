"""The spec: reads a TOML file into a validated `StudyConfig`."""
