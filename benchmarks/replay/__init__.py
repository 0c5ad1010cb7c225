"""Searches replayed over the table of curves: what a rule would have found, and for how much compute."""
