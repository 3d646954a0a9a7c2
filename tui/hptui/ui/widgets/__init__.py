"""Widgets, named by what the user sees."""
