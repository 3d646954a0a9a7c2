"""What is done with whole studies: rename, delete, fork, merge, import, prepare."""
