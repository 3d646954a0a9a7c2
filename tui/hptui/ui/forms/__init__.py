"""What dialogs are made of: the frame, lines of fields, and asking for a file."""
