"""Scripts that optimize a study themselves, run as they stand."""
