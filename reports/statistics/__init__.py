"""Statistics: records in, estimates, comparisons and rankings out."""
