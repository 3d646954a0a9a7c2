"""Commands that look after study files."""
