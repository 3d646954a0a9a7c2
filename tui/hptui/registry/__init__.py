"""Objectives: where they are, what they declare, how they are loaded and probed."""
