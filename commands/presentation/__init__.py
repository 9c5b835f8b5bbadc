"""What the commands that show an output share: an index of its rows, its plots, and pictures of its pages."""
