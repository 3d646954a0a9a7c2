"""The commands of the application and their keys."""
