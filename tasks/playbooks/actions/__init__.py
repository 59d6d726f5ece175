"""What changes something: one file per kind."""
