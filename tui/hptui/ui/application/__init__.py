"""The application itself: its start, its settings, its end, and what every screen has."""
