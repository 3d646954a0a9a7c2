"""Filters of trials: read, completed, applied."""
