"""The screen of one study, and its dialogs."""
