"""The table of a study's trials."""
