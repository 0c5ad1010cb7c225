"""Repair: both stores, checkpoints and journal in, what disagrees out, and what mends it."""
