"""Estimates, comparisons and rankings from run records."""
