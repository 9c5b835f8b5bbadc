"""Documents as source: for each typesetter, and as Markdown, which is the ground truth."""
