"""The record book: append-only, hash-chained, with the evidence beside it."""

from tasks.records.book import Book, Entry
from tasks.records.document import masked, verify_document
from tasks.records.seals import Head
from tasks.records.verification import Problem, Verification, What

__all__ = ["Book", "Entry", "Head", "Problem", "Verification", "What", "masked", "verify_document"]
