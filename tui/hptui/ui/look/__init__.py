"""Themes, style sheets and marks."""
