"""Trials of a program: its process, and the numbers that it prints."""
