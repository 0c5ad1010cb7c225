"""Replays searches over the table of curves: what a stopping rule would have found, and with how much compute."""
