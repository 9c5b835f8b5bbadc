"""Commands that the user types: the options of the commands, and in time a file for each command."""
