"""Notes and tags."""
