"""Commands that follow a run."""
