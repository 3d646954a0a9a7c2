"""Study files: Optuna's schema in SQLite, written and read well."""
