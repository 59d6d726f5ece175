"""Which day is a working day, and what is due when."""
