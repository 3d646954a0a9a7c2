"""What workers have of the machine: cores, GPUs, memory, files; and how much they use."""
