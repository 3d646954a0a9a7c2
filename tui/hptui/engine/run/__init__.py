"""One run: its set-up, its loop, its rules, its commits."""
