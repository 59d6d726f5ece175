"""What happens, in order: one module per routine, and the command line."""
