"""Engines turn page images into text: one folder each, one interface."""
