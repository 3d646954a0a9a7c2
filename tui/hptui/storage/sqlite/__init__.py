"""Optuna's storage over one SQLite file: reads from memory, writes in groups."""
