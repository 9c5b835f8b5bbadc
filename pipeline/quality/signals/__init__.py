"""Measure signs of a bad page that need no second reading: scripts, tables, formulas, garbage, ink."""
