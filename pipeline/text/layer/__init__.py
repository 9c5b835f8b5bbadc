"""Read what a page holds: its words, its images, itself alone in a copy."""
