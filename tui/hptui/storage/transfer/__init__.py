"""Trials on their way between studies and files: export, import, fork, merge."""
