"""Texts: made safe, numbers and values as people read and type them, JSON, tables, sentences."""
