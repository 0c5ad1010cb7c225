"""Stores: the Optuna and MLflow databases of a home, their locations and their locks."""
