"""Inspection: collect from every target at once, judge afterwards."""
