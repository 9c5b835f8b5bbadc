"""Regions of the layout model, made ready for words."""
