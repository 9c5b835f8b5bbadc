"""Starts rendering processes by forking them from one that has loaded all they need."""
