"""Values and rules of hptui, on the standard library alone."""
