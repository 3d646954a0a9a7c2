"""What the source of an objective says, read without running it."""
