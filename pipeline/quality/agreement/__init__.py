"""Measure how far two readings of a page agree: the text and the PDF's own layer."""
