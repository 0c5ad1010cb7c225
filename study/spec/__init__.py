"""The spec: a TOML file in, a checked `StudyConfig` out."""
