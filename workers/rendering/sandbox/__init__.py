"""Restrict a rendering process to its program, its fonts and its document."""
