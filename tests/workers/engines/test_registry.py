"""The registry of engines, and the options of those that have no section in configs."""

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.load import load_settings
from ocrmill.workers.engines.registry import missing


def test_options_that_nobody_sets_leave_the_fingerprint_of_older_outputs() -> None:
    """An output made before there were options can still be added to; with options, rows may differ."""
    plain, others = load_settings([], []), load_settings([], ["engine.options=['times=2']"])
    assert "options" not in plain.row_settings()["engine"]
    assert plain.fingerprint() != others.fingerprint()
    assert missing(EngineSettings(name="cpu")) == []
