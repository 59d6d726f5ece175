"""What is looked at to prove a step: one file per kind."""
