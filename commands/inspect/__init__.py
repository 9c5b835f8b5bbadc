"""`ocrmill inspect`: rows in the terminal or in a web page."""
