"""The ocrmill commands."""


def main() -> None:
    """Start."""
