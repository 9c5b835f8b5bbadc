"""Glyphs by their shapes: letters that a layer may be held to, and ligatures that have no Unicode value."""
