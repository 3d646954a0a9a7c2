"""Where a pruner ends trials."""
