"""Tables: statistics in, columns and cells out."""
