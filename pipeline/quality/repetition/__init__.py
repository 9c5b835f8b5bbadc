"""Measure how repetitive a text is: copies, loops, counting, rows that climb, phrases in any order."""
