"""Parts that commands share to show an output: an index of its rows, its plots, pictures of its pages."""
