"""What is measured: `python -m benchmarks` prints a table a module, with what each number must reach."""
