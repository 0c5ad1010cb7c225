"""Reading run records from MLflow or exported files, and writing files safely."""
