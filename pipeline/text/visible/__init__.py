"""Decides what of a page's text layer a reader sees."""
