"""Running text in Markdown, within a block."""
