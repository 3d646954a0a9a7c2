"""Worker processes: how they start and end, what they may use, and the trial inside them."""
