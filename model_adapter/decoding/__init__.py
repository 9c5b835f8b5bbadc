"""Rules against loops, applied while a page is decoded."""
