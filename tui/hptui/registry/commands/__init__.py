"""Programs that are tuned by their command line."""
