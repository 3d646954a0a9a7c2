"""Objectives that come with hptui, one file each."""
