"""Open documents and read pages in a child process that may crash or hang."""
