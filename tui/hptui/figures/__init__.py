"""Figures of studies: what each is made of, and how it is drawn; for screens and commands alike."""
