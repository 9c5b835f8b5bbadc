"""The page view: one page of an output with all that is known about it."""
