"""Importing an objective and what it needs."""
