"""The Python interface: run or open a study and get a `Result`. `mamlab` exports it."""
