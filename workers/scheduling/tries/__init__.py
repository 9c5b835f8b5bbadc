"""Further attempts at bad pages: which are made, in which order, and how much they may take."""
