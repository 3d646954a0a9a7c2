"""The application played from a script."""
