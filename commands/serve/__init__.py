"""`ocrmill serve`: documents come by HTTP, and their rows go back."""
