"""Repair: compares the stores, checkpoints and journal of a study, lists disagreements, and fixes them."""
