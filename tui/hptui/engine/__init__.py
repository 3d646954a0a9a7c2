"""The engine: runs trials in worker processes and is the only writer of its study."""
