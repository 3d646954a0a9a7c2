"""Samplers and pruners: which there are, and their options."""
