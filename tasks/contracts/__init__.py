"""Duties against the book: what is owed, what was met, which contracts are in force here."""
