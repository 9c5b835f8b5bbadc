"""Watching over nights: bands, alarms and drifts."""
