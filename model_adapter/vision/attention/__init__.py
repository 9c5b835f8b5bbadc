"""Attention over grids of patches, with positions relative to each other."""
