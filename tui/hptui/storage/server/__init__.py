"""Writing studies on database servers, for an engine that runs one there."""
