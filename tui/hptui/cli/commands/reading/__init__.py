"""Commands that read studies."""
