"""What a study shows in the MLflow UI: the server, and summary runs."""
