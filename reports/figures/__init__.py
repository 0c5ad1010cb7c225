"""Figures: statistics in, SVG and PDF out."""
