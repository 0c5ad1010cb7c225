"""The Python interface: run or open a study and get a `Result`. `mamlab.py` exports it."""
