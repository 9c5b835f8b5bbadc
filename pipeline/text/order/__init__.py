"""The order of a page's parts where their places alone do not tell it."""
