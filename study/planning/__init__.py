"""The plan: a spec in, its size, time, disk and power out, before anything is trained."""
