"""Charts in text: the only place that imports plotext."""
