"""The overview: the numbers of an output at a glance, and their plots."""
