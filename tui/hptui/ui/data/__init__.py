"""What the screens show, gathered away from the event loop; nothing here imports Textual."""
