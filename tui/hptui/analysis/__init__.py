"""Pure functions from a study's columns to what a figure or table shows."""
