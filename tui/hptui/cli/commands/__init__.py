"""The commands, one module each, in folders as `hptui --help` lists them."""
