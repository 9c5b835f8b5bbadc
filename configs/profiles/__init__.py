"""Profiles: all that differs between two page readers behind a server, as data; a file for each that ocrmill brings."""
