"""The plots above a study's trials."""
