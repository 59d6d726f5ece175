"""The read-only web pages: records, their written forms and their evidence, behind a login."""
