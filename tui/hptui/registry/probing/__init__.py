"""Short trials in a throw-away process that find a search space."""
