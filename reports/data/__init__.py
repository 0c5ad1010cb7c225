"""Data: MLflow or exported files in, records out; and files written so that nothing is lost."""
