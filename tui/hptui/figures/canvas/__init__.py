"""Charts of characters, whatever they show: the only place that imports plotext."""
