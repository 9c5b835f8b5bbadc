"""Servers of these tests come back soon."""

import pytest

from ocrmill.workers.engines.endpoint import fleet


@pytest.fixture(autouse=True)
def quick_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that fail are asked again soon."""
    monkeypatch.setattr(fleet, "FIRST_REST_S", 0.05)
    monkeypatch.setattr(fleet, "MOST_REST_S", 0.2)
