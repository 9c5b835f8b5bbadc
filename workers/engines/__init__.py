"""What turns page images into text: one class each, the same two methods."""
