"""Repair: compares both databases, checkpoints and journal, lists what disagrees, and fixes it."""
