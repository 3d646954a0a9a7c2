"""Studies read for showing: columns, details, summaries."""
