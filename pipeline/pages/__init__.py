"""Open a document, inspect and render its pages, and decide how each is read."""
