"""Keep all workers busy, and account for every page."""
