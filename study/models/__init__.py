"""Models: export a run as a classifier, to a folder and to MLflow."""
