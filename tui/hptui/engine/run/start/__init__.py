"""The start of a run: its plan and configuration, checked before anything is written."""
