"""Whether more trials are worth it."""
