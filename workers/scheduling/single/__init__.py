"""Single documents as they come, each with a coordinator of its own."""
