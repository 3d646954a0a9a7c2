"""Messages between the engine, its workers and its clients."""
