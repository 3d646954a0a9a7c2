"""The list of studies, and what is done with whole studies."""
