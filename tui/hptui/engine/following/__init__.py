"""What follows a trial and the end of a run: callbacks, hooks, trackers."""
