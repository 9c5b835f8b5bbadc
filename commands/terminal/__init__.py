"""The side of the commands that the user sees: options, exit codes, messages of failure, the version."""
