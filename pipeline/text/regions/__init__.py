"""What the regions of the layout model become before words are put into them."""
