"""The CPU engine: RapidOCR."""
