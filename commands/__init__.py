"""Commands that the user types: one file for each, and in `terminal/` their options, messages and exit codes."""
