"""Which trials are best, for one objective or several."""
