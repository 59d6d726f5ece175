"""Whether databases and pages can be had: probed every few minutes, counted over any period.

Samples lie beside the book, a file a day; the book gets a record of each day with them as evidence, and one
whenever something stops or comes back. What nobody looked at is neither up nor down.
"""
