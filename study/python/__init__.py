"""What people type in Python: a study or its name in, a `Result` out. `mamlab.py` opens it."""
