"""Forms of answers: each becomes Markdown, with blocks that say where on the page its parts are."""
