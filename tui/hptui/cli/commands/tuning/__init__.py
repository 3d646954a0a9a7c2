"""Commands that tune: runs, objectives, samplers and pruners."""
