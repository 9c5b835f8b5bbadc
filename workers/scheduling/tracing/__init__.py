"""The waits and works of each page of a run: as a file for Perfetto, and as spans of OpenTelemetry."""
