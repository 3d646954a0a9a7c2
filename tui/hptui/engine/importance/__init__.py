"""Parameter importance, computed in a process of its own."""
