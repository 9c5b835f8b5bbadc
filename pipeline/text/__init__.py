"""Turn a page's own text or recognized lines into Markdown with blocks."""
