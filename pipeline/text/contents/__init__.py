"""Contents of a page that its plain text cannot hold: formulas, text in pictures."""
