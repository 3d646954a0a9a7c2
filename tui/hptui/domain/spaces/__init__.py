"""Search spaces: distributions, choices, and edits of them."""
