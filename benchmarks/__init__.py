"""Benchmarks: `python -m benchmarks` prints one table per module, with the limit of each number."""
