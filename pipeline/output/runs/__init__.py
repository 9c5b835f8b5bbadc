"""Records that runs leave beside their rows, and the settings in them."""
