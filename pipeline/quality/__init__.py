"""Measure the text of a page, raise flags, and make its row."""
