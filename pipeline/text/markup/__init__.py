"""Markup that engines write, made valid."""
